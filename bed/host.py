"""What tests and the demo may expect of every host of the bed, whatever it is made of."""

from pathlib import Path
from typing import Protocol

from bed.process import run


class Host(Protocol):
    """A real host that answers SSH and HTTP and runs one web service that can be broken."""

    name: str
    address: str
    ssh_port: int
    http_port: int
    user: str
    """Whom to log in as over SSH."""
    host_key: str
    """The host's public key to pin: `ssh-ed25519 AAAA...`."""

    def authorize(self, public_key: str) -> None:
        """Let the owner of `public_key` (`ssh-ed25519 AAAA...`) log in as `user`."""

    def break_service(self, unit: str) -> None:
        """Kill the service so that it stays dead until somebody restarts it."""

    def restart_service(self, unit: str) -> None:
        """Start the service again, as somebody on the host itself would."""

    def service_starts(self, unit: str) -> int:
        """How often the service was started since the host was made, the first start included."""

    def stop(self) -> None:
        """Take the host down and remove all of it."""


def make_key(path: Path) -> str:
    """Make an ed25519 key pair at `path` and `path`.pub; returns the public half as `ssh-ed25519 AAAA...`."""
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)])
    return path.with_name(path.name + ".pub").read_text(encoding="ascii").strip()

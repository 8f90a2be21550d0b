"""An sshd of our own on 127.0.0.1, run as whoever runs the tests: `sshd_server`, and `host_at` to speak of it as of any host."""

import os
import pwd
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hand_clock import HandClock

from bed.host import make_key
from bed.process import free_port, run, wait_for
from domain.model import Check, Confirmation, FaultClass, Host, Level, Secret, SshAccess
from remediation import Target

SSHD = Path("/usr/sbin/sshd")
ME = pwd.getpwuid(os.geteuid()).pw_name


def host_at(
    address: str,
    port: int,
    host_keys: tuple[str, ...],
    *,
    user: str = ME,
    service: str | None = None,
    identity: Secret = Secret("file", "recovery"),  # noqa: B008 - frozen
) -> Host:
    """A host of the inventory with one check."""
    check = Check(
        id="web01/http",
        host="web01",
        kind="http",
        address=address,
        level=Level.SERVICE_DOWN,
        fault_class=FaultClass.SERVICE,
        interval_s=60.0,
        timeout_s=10.0,
        confirmation=Confirmation(3),
        service=service,
    )
    access = SshAccess(user, host_keys, identity, port)
    return Host(id="web01", label="web01", customer="acme", address=address, checks=(check,), ssh=access)


class SshServer:
    """`bin` comes first in the PATH of whoever logs in; `log` gets every command line exactly as it came over the wire."""

    def __init__(self, folder: Path, key_types: tuple[str, ...] = ("ed25519",)) -> None:
        self.folder = folder
        self.port = free_port()
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        self.log = folder / "commands.log"
        self.log.touch()
        self.client_key = folder / "client"
        (folder / "authorized_keys").write_text(make_key(self.client_key) + "\n")
        self.host_keys: dict[str, str] = {}
        for kind in key_types:
            path = folder / f"host_{kind}"
            run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", str(path)])
            self.host_keys[kind] = path.with_suffix(".pub").read_text().strip()
        # The login shell hands the words on to `record`, which notes them and runs what was asked.
        self.script("record", f'printf "%s\\n" "$SSH_ORIGINAL_COMMAND" >>{self.log}; eval "exec $SSH_ORIGINAL_COMMAND"')
        settings = {
            "ListenAddress": f"127.0.0.1:{self.port}",
            "AuthorizedKeysFile": folder / "authorized_keys",
            "PidFile": "none",
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
            "UsePAM": "no",
            "StrictModes": "no",
            "ForceCommand": self.bin / "record",
            # An empty home: what the shell of whoever runs the tests prints as it starts is none of the host's.
            "SetEnv": f"PATH={self.bin}:/usr/bin:/bin HOME={self.folder}",
        }
        lines = [f"HostKey {folder / f'host_{kind}'}" for kind in key_types]
        lines += [f"{name} {value}" for name, value in settings.items()]
        (folder / "sshd_config").write_text("\n".join(lines) + "\n")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd as root insists on it
        self.start()

    def start(self) -> None:
        """Begin to answer; as it does from the first, until it is stopped."""
        log = self.folder / "sshd.log"
        with log.open("ab") as output:
            argv = [str(SSHD), "-D", "-e", "-f", str(self.folder / "sshd_config")]
            self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        wait_for(self._answers, f"sshd: {log.read_text()}", 10)

    def script(self, name: str, body: str) -> None:
        """Make `body` a program that commands over SSH find first."""
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def commands(self) -> list[str]:
        """The command lines that arrived so far."""
        return self.log.read_text().splitlines()

    def resolve(self, secret: Secret) -> str:
        """The private key that may log in."""
        return self.client_key.read_text()

    def target(self, *host_keys: str, service: str | None = None, resolve: Callable[[Secret], str] | None = None) -> Target:
        """This server as a target; its own host keys are pinned unless others are given."""
        host = host_at("127.0.0.1", self.port, host_keys or tuple(self.host_keys.values()), service=service)
        return Target(host, resolve or self.resolve, HandClock(), service, {"panel": "none"})

    def hang_up(self) -> None:
        """End every login there is."""
        subprocess.run(["pkill", "-KILL", "-P", str(self._process.pid)], check=False)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()

    def _answers(self) -> bool:
        with closing(socket.socket()) as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def make_sshd(tmp_path: Path) -> Iterator[Callable[..., SshServer]]:
    """Starts servers with host keys of the given types."""
    started: list[SshServer] = []

    def make(*key_types: str) -> SshServer:
        started.append(SshServer(tmp_path / f"sshd{len(started)}", key_types or ("ed25519",)))
        return started[-1]

    if not SSHD.exists():
        pytest.skip(f"no {SSHD}; with Debian: apt-get install openssh-server")
    yield make
    for server in started:
        server.stop()


@pytest.fixture
def sshd_server(make_sshd: Callable[..., SshServer]) -> SshServer:
    """A server with one ed25519 host key."""
    return make_sshd()

"""A real host: a container (container.py) with systemd as its init, sshd, nginx, sudo."""

import functools
import uuid
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from bed import image
from bed.container import Container
from bed.host import make_key
from bed.network import NET4, NET6, Bed
from bed.process import BedError, run, wait_for

SERVICE_PORTS = {"nginx": 80, "postfix": 25, "database": 8080}
_BROKEN = "bed-broken.conf"


class Guest(Container):
    """A host in `bed`, off until `power_on` (as a context manager: on, and answering). Fulfils `bed.host.Host`.

    `services` ("nginx", "postfix", "database") are started at boot. `address`, `address6`: inside the bed's network. `ca_file`:
    signs its https certificate, which is for `name` and both addresses.
    """

    ssh_port = 22
    http_port = 80
    https_port = 443
    user = image.USER

    def __init__(self, bed: Bed, name: str, services: Sequence[str] = ("nginx",)) -> None:
        self.ca_file = bed.authority.ca_file
        self.services = services
        super().__init__(bed, name)
        self.host_key = make_key(self.root / "etc/ssh/ssh_host_ed25519_key")
        self._configure(self.root)

    def __enter__(self) -> Self:
        try:
            self.power_on()
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    # -- as seen over the network -------------------------------------------------------------------------------------

    def authorize(self, public_key: str) -> None:
        """Let the owner of `public_key` (`ssh-ed25519 AAAA...`) log in as `user`."""
        keys = self.root / "home" / self.user / ".ssh" / "authorized_keys"
        keys.parent.mkdir(mode=0o700, exist_ok=True)
        with keys.open("a", encoding="ascii") as file:
            file.write(public_key.strip() + "\n")
        run(["chown", "-R", "1000:1000", str(keys.parent)])

    def sudoers(self, text: str) -> None:
        """Make `text` the rules of /etc/sudoers.d/hikeshi; BedError with visudo's words when they are not valid."""
        candidate = self.root / "etc/sudoers.d/.candidate"
        candidate.write_text(text, encoding="utf-8")
        candidate.chmod(0o440)
        try:
            run(["chroot", str(self.root), "visudo", "-c", "-f", "/etc/sudoers.d/.candidate"])
        except BedError:
            candidate.unlink()
            raise
        candidate.rename(candidate.with_name("hikeshi"))

    # -- starting -----------------------------------------------------------------------------------------------------

    def reboot(self) -> None:
        """Restart it in good order; returns when it answers again."""
        boots = self._boots
        self.run(["systemctl", "reboot"])
        wait_for(lambda: self._boots > boots, f"{self.name} to reboot", 30)
        self.wait_ready()

    def wait_ready(self, timeout_s: float = 30.0) -> None:
        """Return when SSH and its services answer; BedError with the end of its console when they don't."""
        try:
            wait_for(lambda: self._sends_banner(22), f"SSH of {self.name}", timeout_s)
            for service in self._awaited():
                port = SERVICE_PORTS[service]
                wait_for(functools.partial(self._accepts, port), f"{service} of {self.name}", timeout_s)
        except BedError as error:
            raise BedError(f"{error}; its console ends:\n{self.console()[-2000:]}") from None

    # -- inside, for the test's own hand -------------------------------------------------------------------------------

    def service_state(self, unit: str) -> str:
        """systemd's `ActiveState`: active, failed, inactive, activating ..."""
        return self.run(["systemctl", "show", "--property=ActiveState", "--value", unit]).stdout.strip()

    def break_service(self, unit: str, *, repairable: bool = True) -> None:
        """Kill the service so that it stays dead; a restart brings it back, or, if not `repairable`, only after `mend_service`."""
        drop_in = self._drop_in(unit)
        drop_in.parent.mkdir(parents=True, exist_ok=True)
        lines = ["[Service]", "Restart=no"] if repairable else ["[Service]", "Restart=no", "ExecStartPre=/bin/false"]
        drop_in.write_text("\n".join(lines) + "\n", encoding="ascii")
        self.run(["systemctl", "daemon-reload"])
        self.run(["systemctl", "kill", "--signal=KILL", unit])
        wait_for(lambda: self.service_state(unit) in ("failed", "inactive"), f"{unit} of {self.name} to die", 10)

    def mend_service(self, unit: str) -> None:
        """Let a service that `break_service` made irreparable start again (it isn't started)."""
        self._drop_in(unit).unlink()
        self.run(["systemctl", "daemon-reload"])

    def restart_service(self, unit: str) -> None:
        """Start the service again, as somebody on the guest itself would."""
        self.run(["systemctl", "restart", _full(unit)])

    def service_starts(self, unit: str) -> int:
        """How often nginx or postfix was started since the guest was made, at boot included, failed starts too."""
        unit = _full(unit)
        if not (self.root / "etc/systemd/system" / f"{unit}.d/bed.conf").exists():
            raise BedError(f"starts of {unit} are not counted: rootfs/ has no drop-in for it")
        counted = self.root / "var/lib/bed/starts" / unit
        return len(counted.read_text(encoding="ascii").splitlines()) if counted.exists() else 0

    def block_port(self, port: int) -> None:
        """Let packets to a TCP port of the guest vanish, until `unblock`."""
        self._filter(f"add rule inet bed input tcp dport {port} drop")

    def block_ping(self) -> None:
        """Let echo requests to the guest vanish, until `unblock`."""
        self._filter(
            "add rule inet bed input icmp type echo-request drop",
            "add rule inet bed input icmpv6 type echo-request drop",
        )

    def unblock(self) -> None:
        """Undo `block_port` and `block_ping`."""
        self.run(["nft", "destroy table inet bed"], check=False)
        self.run(["nft", "add table inet bed; delete table inet bed"])

    # -- how it is done -------------------------------------------------------------------------------------------------

    def _configure(self, root: Path) -> None:
        """Write what differs from the image into the guest's root folder."""
        (root / "etc/machine-id").write_text(uuid.uuid4().hex + "\n", encoding="ascii")
        (root / "etc/hostname").write_text(self.name + "\n", encoding="ascii")
        (root / "etc/hosts").write_text(
            f"127.0.0.1 localhost\n::1 localhost\n{self.address} {self.name}.example.test {self.name}\n", encoding="ascii"
        )
        (root / "etc/bed/interfaces").write_text(
            f"address replace {self.address}/{NET4.prefixlen} dev eth0\n"
            f"address replace {self.address6}/{NET6.prefixlen} dev eth0 nodad\n"
            f"route replace default via {self.bed.address}\n",
            encoding="ascii",
        )
        (root / "var/www/bed/index.html").write_text(f"hikeshi bed {self.name} ok\n", encoding="utf-8")
        certificate, key = self.bed.authority.issue(self.name, [self.address, self.address6])
        (root / "etc/bed/tls.crt").write_bytes(certificate)
        (root / "etc/bed/tls.key").write_bytes(key)
        for service in (*self.services, "networking"):
            wanted = root / "etc/systemd/system/multi-user.target.wants" / _full(service)
            wanted.symlink_to(f"/lib/systemd/system/{_full(service)}")

    def _awaited(self) -> Sequence[str]:
        """The services that answer when it is up."""
        return self.services

    def _drop_in(self, unit: str) -> Path:
        return self.root / "etc/systemd/system" / f"{_full(unit)}.d" / _BROKEN

    def _filter(self, *rules: str) -> None:
        chain = "add chain inet bed input { type filter hook input priority 0; }"
        self.run(["nft", "; ".join(("add table inet bed", chain, *rules))])

    def _accepts(self, port: int) -> bool:
        try:
            self.bed.connect(self.address, port, timeout_s=1).close()
        except OSError:
            return False
        return True

    def _sends_banner(self, port: int) -> bool:
        try:
            with self.bed.connect(self.address, port, timeout_s=1) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False


def _full(unit: str) -> str:
    return unit if "." in unit else f"{unit}.service"

"""A real host: systemd as its init, sshd, nginx, sudo; a systemd-nspawn container on a fresh overlay of the cached image.

It has a network namespace and a control group of its own. A thread of this process plays the hardware: it starts the container
again when the guest reboots (exit status 133), and pulls its network cable when it is off.
"""

import functools
import os
import signal
import subprocess
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from bed import cgroup, image, slot
from bed.host import make_key
from bed.network import Bed
from bed.process import BedError, run, wait_for

REBOOT = 133
"""Exit status of a machine that wants to be started again."""
_SERVICE_PORTS = {"nginx": 80, "postfix": 25, "database": 8080}
_BROKEN = "bed-broken.conf"


class Guest:
    """A host in `bed`, off until `power_on` (as a context manager: on, and answering). Fulfils `bed.host.Host` and
    `bed.machine.Machine`; it has one system to boot, so `next_boot` is only remembered.

    `services` ("nginx", "postfix", "database") are started at boot. `address`, `address6`: inside the bed's network. `ca_file`:
    signs its https certificate, which is for `name` and both addresses. `root`: its root folder as seen from here, also while it is
    off.
    """

    ssh_port = 22
    http_port = 80
    https_port = 443
    user = image.USER

    def __init__(self, bed: Bed, name: str, services: Sequence[str] = ("nginx",)) -> None:
        self.bed = bed
        self.name = name
        self.machine = f"{bed.slot.netns}-{name}"
        self.ca_file = bed.authority.ca_file
        self.next_boot = "disk"
        self._services = services
        self._folder = bed.folder / "guests" / name
        self._cgroup = f"{slot.CGROUP}/{bed.slot.number}/{name}"
        self._process: subprocess.Popen[bytes] | None = None
        self._supervisor: threading.Thread | None = None
        self._boots = 0
        self._powered = False
        self._stopping = False
        self.root = self._folder / "root"
        self.root.mkdir(parents=True)
        self._make_root()
        self._groups = cgroup.create(self._cgroup)
        self._port = bed.plug(name)
        self.address = self._port.address
        self.address6 = self._port.address6
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

    # -- power --------------------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether the guest is powered on."""
        return self._supervisor is not None and self._supervisor.is_alive()

    def power_on(self) -> None:
        """Start it; returns at once."""
        if self.running:
            raise BedError(f"{self.name} is on already")
        self._powered = True
        self._boot()
        self._supervisor = threading.Thread(target=self._supervise, name=f"bed-{self.machine}", daemon=True)
        self._supervisor.start()

    def power_off(self) -> None:
        """Pull the plug: every process ends at once, nothing is shut down. What it had written is still there afterwards."""
        self._powered = False

        def killed() -> bool:  # again and again: who is just being started joins the group a moment later
            cgroup.kill(self._cgroup)
            return not self.running

        wait_for(killed, f"{self.name} to be off", 30)
        self.thaw()  # a machine that hung is as good as any other when it is switched on again

    def reset(self) -> None:
        """Start it anew at once, without shutting anything down; nothing happens when it is off."""
        if self.running:
            self.power_off()
            self.power_on()

    def press_button(self) -> None:
        """Ask its init to power off in good order; returns at once. A frozen one doesn't hear it, nor one that is off or has not
        booted."""
        init = self._find_init()
        if init is not None:
            os.kill(init, signal.SIGRTMIN + 4)  # systemd(1): starts poweroff.target

    def reboot(self) -> None:
        """Restart it in good order; returns when it answers again."""
        boots = self._boots
        self.run(["systemctl", "reboot"])
        wait_for(lambda: self._boots > boots, f"{self.name} to reboot", 30)
        self.wait_ready()

    def wait_off(self, timeout_s: float = 30.0) -> None:
        """Return when it has powered itself off."""
        wait_for(lambda: not self.running, f"{self.name} to power off", timeout_s)

    def wait_ready(self, timeout_s: float = 30.0) -> None:
        """Return when SSH and its services answer; BedError with the end of its console when they don't."""
        try:
            wait_for(lambda: self._sends_banner(22), f"SSH of {self.name}", timeout_s)
            for service in self._awaited():
                port = _SERVICE_PORTS[service]
                wait_for(functools.partial(self._accepts, port), f"{service} of {self.name}", timeout_s)
        except BedError as error:
            raise BedError(f"{error}; its console ends:\n{self.console()[-2000:]}") from None

    def freeze(self) -> None:
        """Stop all its processes; the kernel still answers ping and accepts connections for it."""
        cgroup.freeze(self._cgroup, True)

    def thaw(self) -> None:
        """Let them go on."""
        cgroup.freeze(self._cgroup, False)

    def hang(self, *, answers_ping: bool = False) -> None:
        """Let nothing on it run any more, for good: only switching it off helps. With `answers_ping` its kernel still answers, as
        when all processes wait for a dead disk."""
        self.freeze()
        if not answers_ping:
            self.bed.set_cable(self._port, up=False)

    def stop(self) -> None:
        """Take it down and remove all of it. Repeatable."""
        with self.bed.lock:
            if self._stopping:
                return
            self._stopping = True
        if not self.bed.closed:
            slot.clear_guest(self.bed.slot.number, self.name)
        if self._supervisor is not None:
            self._supervisor.join()

    # -- inside, for the test's own hand -------------------------------------------------------------------------------

    def run(self, argv: Sequence[str], *, stdin: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `argv` as root inside the guest; BedError when it fails and `check` is set."""
        enter = ["nsenter", "-t", str(self._init()), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd"]
        done = subprocess.run([*enter, "--", *argv], input=stdin, capture_output=True, text=True, timeout=60, check=False)
        if check and done.returncode != 0:
            raise BedError(f"{self.name}: {' '.join(argv)} ended with {done.returncode}: {done.stderr.strip()}")
        return done

    def console(self) -> str:
        """What its init has printed since it was made."""
        return (self._folder / "console.log").read_text(encoding="utf-8", errors="replace")

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
        (root / "var/www/bed/index.html").write_text(f"hikeshi bed {self.name} ok\n", encoding="utf-8")
        certificate, key = self.bed.authority.issue(self.name, [self.address, self.address6])
        (root / "etc/bed/tls.crt").write_bytes(certificate)
        (root / "etc/bed/tls.key").write_bytes(key)
        for service in self._services:
            wanted = root / "etc/systemd/system/multi-user.target.wants" / _full(service)
            wanted.symlink_to(f"/lib/systemd/system/{_full(service)}")

    def _make_root(self) -> None:
        """Mount the guest's root folder, fresh from the image."""
        self._mount_overlay(self._folder, self.root)

    def _mount_overlay(self, layers: Path, root: Path) -> None:
        """Mount the image at `root`; what is written there is kept in the folder `layers`."""
        for folder in ("upper", "work"):
            (layers / folder).mkdir(exist_ok=True)
        options = f"lowerdir={image.ensure()},upperdir={layers / 'upper'},workdir={layers / 'work'}"
        run(["mount", "-t", "overlay", "-o", options, self.machine, str(root)])

    def _awaited(self) -> Sequence[str]:
        """The services that answer when it is up."""
        return self._services

    def _boot(self) -> None:
        self._start(self._nspawn(self.root))

    def _nspawn(self, root: Path) -> list[str]:
        return [
            *("systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--console=read-only"),
            *("--resolv-conf=off", "--timezone=off", "--link-journal=no"),
            *(f"--directory={root}", f"--machine={self.machine}", f"--hostname={self.name}"),
            f"--network-namespace-path={self._port.netns}",
        ]

    def _start(self, argv: Sequence[str], *, cable: bool = True) -> None:
        # The shell joins the control groups and becomes nspawn: a fork in Python, with threads about, could not do that safely.
        join = 'for procs in $PROCS; do echo $$ >"$procs" || exit 1; done; exec "$@"'
        with (self._folder / "console.log").open("ab") as console:
            self._process = subprocess.Popen(
                ["sh", "-c", join, "sh", *argv],
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PROCS": " ".join(f"{g}/cgroup.procs" for g in self._groups)},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the bed, which then takes its guests down
            )
        self._boots += 1
        self.bed.set_cable(self._port, up=cable)

    def _supervise(self) -> None:
        while self._process is not None:
            status = self._process.wait()
            with self.bed.lock:
                if self._stopping or self.bed.closed:
                    return
                self.bed.set_cable(self._port, up=False)
                if status != REBOOT or not self._powered:
                    return
                self._boot()

    def _init(self) -> int:
        """The guest's process 1, as numbered here."""
        if not self.running:
            raise BedError(f"{self.name} is off")
        found = self._find_init()
        if found is None:
            raise BedError(f"{self.name} has not booted yet")
        return found

    def _find_init(self) -> int | None:
        """nspawn's only child, once it has a process namespace of its own; before, commands for it would be run on this machine."""
        if self._process is None:
            return None
        nspawn = self._process.pid
        try:
            (child,) = Path(f"/proc/{nspawn}/task/{nspawn}/children").read_text(encoding="ascii").split()
            booted = Path(f"/proc/{child}/ns/pid").readlink() != Path("/proc/self/ns/pid").readlink()
        except (OSError, ValueError):  # it ended, has no child yet, or two
            return None
        return int(child) if booted else None

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

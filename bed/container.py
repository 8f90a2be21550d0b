"""A machine made of a systemd-nspawn container on an overlay of the cached image, in namespaces and a control group of its own.

A thread of this process plays the hardware: it starts the container again when the guest reboots (exit status 133), and pulls its
network cable when it is off.
"""

import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

from bed import cgroup, image, slot
from bed.network import Bed
from bed.process import BedError, run, wait_for

REBOOT = 133
"""Exit status of a machine that wants to be started again."""


class Container:
    """A machine in `bed`, off until `power_on`. Fulfils `bed.machine.Machine`; it has one system to boot, so `next_boot` is only
    remembered. `root`: its root folder as seen from here, also while it is off."""

    def __init__(self, bed: Bed, name: str) -> None:
        self.bed = bed
        self.name = name
        self.machine = f"{bed.slot.netns}-{name}"
        self.next_boot = "disk"
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

    def wait_off(self, timeout_s: float = 30.0) -> None:
        """Return when it has powered itself off."""
        wait_for(lambda: not self.running, f"{self.name} to power off", timeout_s)

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

    # -- how it is done -------------------------------------------------------------------------------------------------

    def _make_root(self) -> None:
        """Mount the guest's root folder, fresh from the image."""
        self._mount_overlay(self._folder, self.root)

    def _mount_overlay(self, layers: Path, root: Path) -> None:
        """Mount the image at `root`; what is written there is kept in the folder `layers`."""
        for folder in ("upper", "work"):
            (layers / folder).mkdir(exist_ok=True)
        options = f"lowerdir={image.ensure()},upperdir={layers / 'upper'},workdir={layers / 'work'}"
        run(["mount", "-t", "overlay", "-o", options, self.machine, str(root)])

    def _boot(self) -> None:
        self._start(self._nspawn(self.root))

    def _nspawn(self, root: Path) -> list[str]:
        return [
            *("systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--console=read-only"),
            *("--resolv-conf=off", "--timezone=off", "--link-journal=no"),
            *(f"--directory={root}", f"--machine={self.machine}", f"--hostname={self.name}"),
            *(f"--network-namespace-path={self._port.netns}", "--capability=CAP_NET_ADMIN"),
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

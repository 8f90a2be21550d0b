"""A machine with a kernel and disks of its own: a QEMU guest, for what a container can't show.

It boots as real servers do: kernel, initramfs, `e2fsck` of its root (`/dev/vda`) and its data (`/dev/vdb`), systemd; `console()`
has all of it. A thread of this process plays the hardware, as with containers: QEMU ends when the guest reboots, and is started
again with what is to be booted then. There is no way in past SSH, as a container's `run` is.
"""

import functools
import json
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from bed import cgroup, image, slot, vm_image
from bed.disk import Disk
from bed.host import make_key
from bed.network import Bed
from bed.process import BedError, run, wait_for
from bed.vm_seed import Seed

_MEMORY_MB = 384
_DATA_MB = 64
_RECORDS = 400
_LOST = 5
_TO_SSH_S = 240.0  # a boot takes 10 s of a core's time without KVM, and cores may be busy


class Vm:
    """A virtual machine in `bed`, off until `power_on`. Fulfils `bed.machine.Machine`; `next_boot = "rescue"` boots a rescue
    system, which has the same address, a host key of its own (`rescue_host_key`), and `/dev/vda` and `/dev/vdb` unmounted.

    `kernel_words` are added to the kernel's command line from the next start on ("fsck.mode=force fsck.repair=yes"). Damage needs
    it off. Who may log in is settled at the next start.
    """

    ssh_port = 22
    database_port = 8080
    user = image.USER
    rescue_user = "root"

    def __init__(self, bed: Bed, name: str = "vm01") -> None:
        self.bed = bed
        self.name = name
        self.next_boot = "disk"
        self.kernel_words = ""
        made = vm_image.ensure()
        self._made = made
        self._folder = bed.folder / "guests" / name
        self._folder.mkdir(parents=True)
        self._cgroup = f"{slot.CGROUP}/{bed.slot.number}/{name}"
        self._groups = cgroup.create(self._cgroup)
        self._cable, self.address, self.address6 = bed.reserve()
        self._keys: dict[str, list[str]] = {"disk": [], "rescue": []}
        self._host_keys = {what: make_key(self._folder / f"{what}_key") for what in self._keys}
        run(["cp", "--sparse=always", str(made / "root.img"), str(self._folder / "root.img")])
        self._root_disk = Disk.existing(self._folder / "root.img")
        self._data_disk = Disk(self._folder / "data.img", "data", _DATA_MB)
        self._fill_data()
        self._process: subprocess.Popen[bytes] | None = None
        self._supervisor: threading.Thread | None = None
        self._powered = False
        self._stopping = False
        self._control: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def host_key(self) -> str:
        """The host's public key to pin: `ssh-ed25519 AAAA...`."""
        return self._host_keys["disk"]

    @property
    def rescue_host_key(self) -> str:
        """The rescue system's."""
        return self._host_keys["rescue"]

    def authorize(self, public_key: str) -> None:
        """Let the owner of `public_key` log in as `user`, from the next start on."""
        self._keys["disk"].append(public_key.strip())

    def authorize_rescue(self, public_key: str) -> None:
        """Let the owner of `public_key` log in to the rescue system as `rescue_user`, from the next start on."""
        self._keys["rescue"].append(public_key.strip())

    # -- power --------------------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether it is powered on."""
        return self._supervisor is not None and self._supervisor.is_alive()

    def power_on(self) -> None:
        """Start it; returns at once."""
        if self.running:
            raise BedError(f"{self.name} is on already")
        self._powered = True
        self._boot()
        self._supervisor = threading.Thread(target=self._supervise, name=f"bed-{self.name}", daemon=True)
        self._supervisor.start()

    def power_off(self) -> None:
        """Pull the plug: what its kernel had not yet written is lost."""
        self._powered = False

        def killed() -> bool:
            cgroup.kill(self._cgroup)
            return not self.running

        wait_for(killed, f"{self.name} to be off", 30)

    def reset(self) -> None:
        """Start it anew at once, without shutting anything down; nothing happens when it is off."""
        if self.running:
            self.power_off()
            self.power_on()

    def press_button(self) -> None:
        """Ask it to shut down in good order and power itself off; returns at once."""
        if self.running:
            keys = [{"type": "qcode", "data": key} for key in ("ctrl", "alt", "delete")]
            self._ask("send-key", keys=keys)  # for which its systemd powers off: the power button would need udev and logind

    def hang(self) -> None:
        """Stop its processor: nothing answers any more, not even ping."""
        self._ask("stop")

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

    def wait_ready(self, timeout_s: float = _TO_SSH_S) -> None:
        """Return when SSH answers; BedError with the end of its console when it doesn't."""
        try:
            wait_for(self._sends_banner, f"SSH of {self.name}", timeout_s, every_s=0.2)
        except BedError as error:
            raise BedError(f"{error}; its console ends:\n{self.console()[-2000:]}") from None

    def wait_console(self, text: str, times: int = 1, timeout_s: float = _TO_SSH_S) -> None:
        """Return when its console has said `text` so many times since it was made."""
        wait_for(lambda: self.console().count(text) >= times, f"{self.name} to say {text!r}", timeout_s, every_s=0.2)

    def console(self) -> str:
        """What its serial console has shown since it was made."""
        log = self._folder / "console.log"
        return log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""

    # -- faults -------------------------------------------------------------------------------------------------------

    def damage_data(self) -> None:
        """Overwrite blocks of the inode table of `/dev/vdb`: it stays in emergency mode, `e2fsck -y -f` loses some records."""
        records = [f"/archive/{number:04}" for number in range(_LOST, _RECORDS, _RECORDS // _LOST)]
        self._off(lambda: self._data_disk.damage_inodes(records))

    def damage_root(self) -> None:
        """Wipe the superblock of `/dev/vda`: it comes no further than its initramfs, over and over."""
        self._off(self._root_disk.damage_superblock)

    # -- how it is done -----------------------------------------------------------------------------------------------

    def _off(self, damage: Callable[[], None]) -> None:
        if self.running:
            raise BedError(f"{self.name} is on: its kernel would mend from memory what is damaged now")
        damage()

    def _fill_data(self) -> None:
        point = self._folder / "data"
        self._data_disk.mount(point)
        for folder in ("live", "archive"):
            (point / folder).mkdir()
        (point / "live/accounts").write_text("".join(f"account {number}\n" for number in range(20)), encoding="ascii")
        for number in range(_RECORDS):
            (point / f"archive/{number:04}").write_text(f"record {number}\n", encoding="ascii")
        run(["umount", str(point)])

    def _boot(self) -> None:
        qmp = self._folder / "qmp"
        qmp.unlink(missing_ok=True)
        self._control = None
        rescue = self.next_boot == "rescue"
        root = vm_image.RESCUE_DEVICE if rescue else vm_image.ROOT_DEVICE
        words = f"root={root} console=ttyS0 net.ifnames=0 mitigations=off audit=0 panic=1 ro {self.kernel_words}"
        if rescue:
            words += " fsck.mode=skip"
        drives = [(self._folder / "root.img", ""), (self._folder / "data.img", "")]
        if rescue:
            drives.append((self._made / "root.img", ",snapshot=on"))
        argv = [
            *("qemu-system-x86_64", "-nodefaults", "-display", "none", "-machine", "q35", *accelerator()),
            *("-smp", "1", "-m", str(_MEMORY_MB), "-no-reboot", "-kernel", str(self._made / "vmlinuz")),
            *("-initrd", str(self._initrd()), "-append", words.strip()),
            *(word for file, more in drives for word in ("-drive", f"file={file},format=raw,if=virtio,cache=unsafe{more}")),
            *("-netdev", f"tap,id=n0,ifname={self._cable},script=no,downscript=no", "-device", "virtio-net-pci,netdev=n0,romfile="),
            *("-chardev", f"file,id=console,append=on,path={self._folder / 'console.log'}", "-serial", "chardev:console"),
            *("-qmp", f"unix:{qmp},server=on,wait=off"),
        ]
        join = 'for procs in $PROCS; do echo $$ >"$procs" || exit 1; done; exec "$@"'
        with (self._folder / "qemu.log").open("ab") as log:
            self._process = process = subprocess.Popen(
                ["sh", "-c", join, "sh", *self.bed.command(argv)],
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PROCS": " ".join(f"{g}/cgroup.procs" for g in self._groups)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            # Whoever pulls the plug may do so while it starts.
            wait_for(lambda: self.bed.join_bridge(self._cable) or process.poll() is not None, f"QEMU of {self.name}", 10)
            if self._powered and process.poll() is not None:
                raise BedError(f"QEMU of {self.name} has ended")
        except BedError as error:
            raise BedError(f"{error}: {(self._folder / 'qemu.log').read_text()}") from None

    def _supervise(self) -> None:
        while self._process is not None:
            restarts = self._watch_end()
            self._process.wait()
            with self.bed.lock:
                if self._stopping or self.bed.closed or not self._powered or not restarts:
                    return
                self._boot()

    def _watch_end(self) -> bool:
        """Whether the guest wanted to be started again; returns once QEMU ends."""
        try:
            with self._qmp() as connection, connection.makefile("r") as lines:
                return any('"guest-reset"' in line for line in lines)
        except (OSError, BedError):
            return False

    def _qmp(self) -> socket.socket:
        path = self._folder / "qmp"
        wait_for(lambda: path.exists() or self._process is None or self._process.poll() is not None, f"QEMU of {self.name}", 10)
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(path))
            connection.sendall(b'{"execute": "qmp_capabilities"}\n')
        except OSError:
            connection.close()
            raise
        self._control = connection
        return connection

    def _ask(self, what: str, **arguments: object) -> None:
        wait_for(lambda: self._control is not None, f"QEMU of {self.name}", 10)
        assert self._control is not None
        self._control.sendall(json.dumps({"execute": what, "arguments": arguments}).encode() + b"\n")

    def _initrd(self) -> Path:
        rescue = self.next_boot == "rescue"
        what = "rescue" if rescue else "disk"
        seed = Seed(
            name="rescue" if rescue else self.name,
            address=self.address,
            address6=self.address6,
            gateway=self.bed.address,
            host_key=self._folder / f"{what}_key",
            home="root" if rescue else f"home/{self.user}",
            keys=tuple(self._keys[what]),
            database=not rescue,
        )
        return seed.initrd(self._made / "initrd", self._folder)

    def _sends_banner(self) -> bool:
        try:
            with self.bed.connect(self.address, self.ssh_port, timeout_s=5) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False


@functools.cache
def accelerator() -> list[str]:
    """QEMU's options: hardware virtualization where a kernel really comes up with it, else emulation."""
    made = vm_image.ensure()
    kvm = ["-accel", "kvm", "-cpu", "host"]
    argv = [
        *("timeout", "10", "qemu-system-x86_64", "-nodefaults", "-display", "none", "-machine", "q35", *kvm),
        *("-m", "256", "-no-reboot", "-serial", "stdio", "-kernel", str(made / "vmlinuz")),
        *("-append", "console=ttyS0 earlyprintk=serial panic=-1"),
    ]
    if Path("/dev/kvm").exists():
        tried = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if "Linux version" in tried.stdout:
            return kvm
    return ["-accel", "tcg,thread=single,tb-size=128", "-cpu", "max,la57=off"]

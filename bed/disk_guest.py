"""A host with disks of its own, which break, and a rescue system to mend them with.

`/dev/sda` holds all that was written to its root since the image, `/dev/sdb` a database's data. Both are checked with `e2fsck -p`
at boot; where that gives up, the host comes no further, as real ones do: with a damaged `/dev/sdb` it stays in emergency mode (ping
answers, SSH and services don't), with a damaged `/dev/sda` it starts over and over without ever reaching the network. The rescue
system has the same address, a host key of its own and both disks, neither mounted; who may log in there does so as root.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from bed.container import REBOOT
from bed.disk import Disk
from bed.guest import Guest
from bed.host import make_key
from bed.network import Bed
from bed.process import BedError, run, wait_for

ROOT_DEVICE = "/dev/sda"
DATA_DEVICE = "/dev/sdb"
ACCOUNTS = "/srv/data/live/accounts"
"""The database's file that must survive: no damage done here reaches it."""
RECORDS = 400
"""Files below /srv/data/archive, of which a damage costs some."""

_LOST = 5  # this many records are aimed at; a block of the inode table holds four
_ROOT_MB = 96
_DATA_MB = 64
_DAMAGED_FROM = 4  # e2fsck(8): errors left uncorrected
_PANIC_S = 1


class DiskGuest(Guest):
    """Off until `power_on`, as a `Guest` is. `next_boot = "rescue"` lets it boot its rescue system, and `"disk"` its disks again.

    `rescue_host_key`: to pin for the rescue system. Its console says what happened at boot. Damage done while it runs is there
    once it is off: what a running kernel still has in memory would mend it.
    """

    rescue_user = "root"
    database_port = 8080

    def __init__(self, bed: Bed, name: str = "db01", services: Sequence[str] = ("database",)) -> None:
        self._booted = ""
        self._rescue_keys: list[str] = []
        self._damages: list[Callable[[], None]] = []
        super().__init__(bed, name, services)
        self._rescue_root = self._folder / "rescue-root"
        self.rescue_host_key = make_key(self._folder / "rescue_key")

    # -- faults -------------------------------------------------------------------------------------------------------

    def damage_data(self) -> None:
        """Overwrite blocks of `/dev/sdb`'s inode table: `e2fsck -p` gives up, `e2fsck -y -f` mends it and loses some records."""
        # Not the first ones: their neighbours in the inode table are the accounts.
        records = [f"/archive/{number:04}" for number in range(_LOST, RECORDS, RECORDS // _LOST)]
        self._damage(lambda: self._data_disk.damage_inodes(records))

    def damage_root(self) -> None:
        """Wipe the superblock of `/dev/sda`: it never boots again, until `e2fsck -y -f` has taken the backup superblock."""
        self._damage(self._root_disk.damage_superblock)

    # -- where it is --------------------------------------------------------------------------------------------------

    @property
    def booted(self) -> str:
        """What it was last started from: "disk", "rescue", or "" when its root was too damaged to."""
        return self._booted

    def in_emergency(self) -> bool:
        """Whether it waits in emergency mode for a person."""
        try:
            return self.run(["systemctl", "is-active", "--quiet", "emergency.service"], check=False).returncode == 0
        except BedError:  # it is off, or its init isn't there yet
            return False

    def wait_emergency(self, timeout_s: float = 30.0) -> None:
        """Return when it is in emergency mode."""
        wait_for(self.in_emergency, f"emergency mode of {self.name}", timeout_s, every_s=0.1)

    # -- the rescue system --------------------------------------------------------------------------------------------

    def authorize_rescue(self, public_key: str) -> None:
        """Let the owner of `public_key` (`ssh-ed25519 AAAA...`) log in to the rescue system as `rescue_user`."""
        self._rescue_keys.append(public_key.strip())
        if self.running and self._booted == "rescue":
            self._write_rescue_keys()

    # -- how it is done -----------------------------------------------------------------------------------------------

    def _make_root(self) -> None:
        self._root_disk = Disk(self._folder / "root.img", "root", _ROOT_MB)
        self._data_disk = Disk(self._folder / "data.img", "data", _DATA_MB)
        self._mount_root()

    @property
    def _layers(self) -> Path:
        return self._folder / "layers"

    def _configure(self, root: Path) -> None:
        super()._configure(root)
        required = root / "etc/systemd/system/local-fs.target.requires/data-disk.service"
        required.parent.mkdir()
        required.symlink_to("/lib/systemd/system/data-disk.service")
        data = root / "srv/data"
        self._data_disk.mount(data)
        for folder in ("live", "archive"):
            (data / folder).mkdir()
        (root / ACCOUNTS.lstrip("/")).write_text(
            "".join(f"account {number}: {self.name}\n" for number in range(20)), encoding="ascii"
        )
        for number in range(RECORDS):
            (data / "archive" / f"{number:04}").write_text(f"record {number}\n", encoding="ascii")
        run(["umount", str(data)])

    def _awaited(self) -> Sequence[str]:
        return self.services if self._booted == "disk" else ()

    def _damage(self, damage: Callable[[], None]) -> None:
        self._damages.append(damage)
        if not self.running:
            self._release_disks()

    def _boot(self) -> None:
        self._release_disks()
        disks = self._bound_disks()
        if self.next_boot == "rescue":
            self._booted = "rescue"
            self._make_rescue()
            self._start([*self._nspawn(self._rescue_root), *disks])
            return
        status, said = self._root_disk.check()
        if status >= _DAMAGED_FROM:
            self._booted = ""
            panic = 'echo "$1"; echo "initramfs: the root file system is damaged; starting again in $2 s"; sleep "$2"; exit "$3"'
            self._start(["sh", "-c", panic, "sh", said, str(_PANIC_S), str(REBOOT)], cable=False)
            return
        self._booted = "disk"
        self._mount_root()
        self._start([*self._nspawn(self.root), *disks])

    def _mount_root(self) -> None:
        self._root_disk.mount(self._layers)
        self._mount_overlay(self._layers, self.root)

    def _bound_disks(self) -> list[str]:
        """What shows nspawn's guest its disks, and no other of this machine, under their names: to `lsblk` and `blkid` as well."""
        shown = self._folder / "sys-block"
        shown.mkdir(exist_ok=True)
        options = [f"--bind-ro={shown}:/sys/block"]
        for name, disk in ((ROOT_DEVICE, self._root_disk), (DATA_DEVICE, self._data_disk)):
            link = shown / Path(name).name
            link.unlink(missing_ok=True)
            link.symlink_to(f"/sys/devices/virtual/block/{Path(disk.device).name}")
            options.append(f"--bind={disk.device}:{name}")
        return options

    def _release_disks(self) -> None:
        """Unmount what the last boot had mounted; then what was to be damaged is."""
        for point in (self._rescue_root, self.root, self._layers):
            if point.is_mount():
                run(["umount", str(point)])
        for disk in (self._root_disk, self._data_disk):
            disk.wait_unused()
        while self._damages:
            self._damages.pop(0)()

    def _make_rescue(self) -> None:
        """A fresh rescue system: what was written there the last time is gone."""
        layers = self._folder / "rescue"
        shutil.rmtree(layers, ignore_errors=True)
        layers.mkdir()
        self._rescue_root.mkdir(exist_ok=True)
        self._mount_overlay(layers, self._rescue_root)
        etc = self._rescue_root / "etc"
        for half in ("", ".pub"):
            shutil.copy(self._folder / f"rescue_key{half}", etc / "ssh" / f"ssh_host_ed25519_key{half}")
        (etc / "hostname").write_text("rescue\n", encoding="ascii")
        (etc / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n", encoding="ascii")
        self._write_rescue_keys()

    def _write_rescue_keys(self) -> None:
        folder = self._rescue_root / "root/.ssh"
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / "authorized_keys").write_text("".join(f"{key}\n" for key in self._rescue_keys), encoding="ascii")

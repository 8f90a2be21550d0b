"""What is a virtual machine's own in what it boots: its name, addresses, keys and units, laid over the common root file system."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from bed import image, vm_image
from bed.network import NET4, NET6


@dataclass(frozen=True, slots=True)
class Seed:
    """`host_key`: the file of its private host key; `home`: of whoever may log in, by `keys`; `database`: whether it serves the
    data disk."""

    name: str
    address: str
    address6: str
    gateway: str
    host_key: Path
    home: str
    keys: tuple[str, ...]
    database: bool

    def initrd(self, common: Path, folder: Path) -> Path:
        """The common initramfs and, as a second archive, this. A file in `folder`, made anew each time."""
        tree = folder / f"{self.name}-seed"
        shutil.rmtree(tree, ignore_errors=True)
        self._fill(tree / "seed")
        archive, own = folder / f"{self.name}.initrd", folder / "seed.cpio"
        vm_image.pack(tree, own)
        archive.write_bytes(common.read_bytes() + own.read_bytes())
        return archive

    def _fill(self, root: Path) -> None:
        etc, units = root / "etc", root / "etc/systemd/system"
        for folder in ("ssh", "bed", "systemd/system/multi-user.target.wants", "systemd/system/local-fs.target.requires"):
            (etc / folder).mkdir(parents=True)
        (root / "srv/data").mkdir(parents=True)
        for half in ("", ".pub"):
            shutil.copy(f"{self.host_key}{half}", etc / "ssh" / f"ssh_host_ed25519_key{half}")
        (etc / "hostname").write_text(f"{self.name}\n", encoding="ascii")
        (etc / "hosts").write_text(f"127.0.0.1 localhost\n{self.address} {self.name}\n", encoding="ascii")
        (etc / "bed/interfaces").write_text(
            f"link set eth0 up\naddress replace {self.address}/{NET4.prefixlen} dev eth0\n"
            f"address replace {self.address6}/{NET6.prefixlen} dev eth0 nodad\nroute replace default via {self.gateway}\n",
            encoding="ascii",
        )
        # Before the disks are checked, as on a server whose network a management system brings up: emergency mode answers ping.
        (units / "networking.service").write_text(
            "[Unit]\nDefaultDependencies=no\nBefore=local-fs-pre.target\n[Service]\nType=oneshot\nRemainAfterExit=yes\n"
            "ExecStart=/sbin/ip -batch /etc/bed/interfaces\n",
            encoding="ascii",
        )
        (units / "local-fs.target.requires/networking.service").symlink_to("../networking.service")
        (units / "ctrl-alt-del.target").symlink_to("/usr/lib/systemd/system/poweroff.target")
        if self.database:
            _enable_database(units)
        ssh = root / self.home / ".ssh"
        ssh.mkdir(parents=True, mode=0o700)
        (ssh / "authorized_keys").write_text("".join(f"{key}\n" for key in self.keys), encoding="ascii")


def _enable_database(units: Path) -> None:
    unit = (image.ensure() / "usr/lib/systemd/system/data-disk.service").read_text(encoding="ascii")
    (units / "data-disk.service").write_text(unit.replace("/dev/sdb", vm_image.DATA_DEVICE), encoding="ascii")
    (units / "local-fs.target.requires/data-disk.service").symlink_to("../data-disk.service")
    (units / "multi-user.target.wants/database.service").symlink_to("/usr/lib/systemd/system/database.service")

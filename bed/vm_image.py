"""What a virtual machine boots: a kernel, an initramfs of our own, and the guests' root file system as a disk; built once, cached.

The initramfs loads virtio, checks the root file system as a boot does (`fsck.mode=force`, `fsck.repair=yes|preen` on the kernel
command line are obeyed), starts over where a person is needed, and lays the machine's own files (a second archive) over it.
"""

import hashlib
import re
import shutil
import stat
from pathlib import Path

from bed import image
from bed.process import run

ROOT_DEVICE = "/dev/vda"
DATA_DEVICE = "/dev/vdb"
RESCUE_DEVICE = "/dev/vdc"

_PACKAGES = ("linux-image-cloud-amd64", "busybox-static")
# In the order in which they need each other; ext4 is built in.
_MODULES = (
    *("virtio", "virtio_ring", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_blk"),
    *("failover", "net_failover", "virtio_net"),
)
_ROOT_MB = 900
_INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in $(cat /modules/order); do insmod "/modules/$module.ko"; done
root=/dev/vda check=-p force=
for word in $(cat /proc/cmdline); do
    case $word in
    root=*) root=${word#root=} ;;
    fsck.mode=force) force=-f ;;
    fsck.mode=skip) force=skip ;;
    fsck.repair=yes) check=-y ;;
    esac
done
if [ "$force" != skip ]; then
    e2fsck $check $force "$root"
    status=$?
    if [ $status -ge 4 ]; then
        echo "initramfs: the root file system is damaged: e2fsck ended with $status; starting again"
        sleep 1
        reboot -f
    fi
fi
mount -t ext4 "$root" /root || reboot -f
cp -a /seed/. /root/
mount --move /proc /root/proc
mount --move /sys /root/sys
mount --move /dev /root/dev
exec switch_root /root /sbin/init
"""


def _folder() -> Path:
    return image.cache_folder() / f"vm-{key()}"


def key() -> str:
    """Names what this recipe makes: 16 hex digits."""
    return hashlib.sha256(Path(__file__).read_bytes() + image.key().encode()).hexdigest()[:16]


def is_cached() -> bool:
    """Whether `ensure` will return without building."""
    return _folder().is_dir()


def ensure(say: image.Say = print) -> Path:
    """The folder with `vmlinuz`, `initrd` and `root.img` (never written to), built unless cached (needs root, 20-60 s)."""
    root = image.ensure(say)
    entry = _folder()
    if entry.is_dir():
        return entry
    with image.locked(entry.with_suffix(".lock")):
        if not entry.is_dir():
            _build(entry, root, say)
    return entry


def _build(entry: Path, root: Path, say: image.Say) -> None:
    building = entry.with_suffix(".building")
    shutil.rmtree(building, ignore_errors=True)  # left by a build that was killed; we hold the lock
    building.mkdir()
    say(f"getting a kernel for virtual machines ({', '.join(_PACKAGES)})")
    unpacked = building / "unpacked"
    _unpack_packages(unpacked, building / "sources.list")
    (kernel,) = (unpacked / "boot").glob("vmlinuz-*")
    shutil.copyfile(kernel, building / "vmlinuz")
    say("making their initramfs and disk")
    _make_initramfs(building / "initramfs", unpacked, root)
    pack(building / "initramfs", building / "initrd")
    run(
        ["mke2fs", "-q", "-F", "-t", "ext4", "-b", "1024", "-d", str(root), str(building / "root.img"), f"{_ROOT_MB}M"],
        timeout_s=300,
    )
    shutil.rmtree(unpacked)
    building.rename(entry)
    say(f"done: {entry}")


def _unpack_packages(folder: Path, sources: Path) -> None:
    sources.write_text(image.mirrors(), encoding="utf-8")
    argv = [
        *("unshare", "--mount", "--propagation", "private"),
        *("mmdebstrap", "--quiet", "--mode=root", "--variant=extract", "--format=directory"),
        f"--include={','.join(_PACKAGES)}",
        *(f"--aptopt={option}" for option in image.apt_options()),
        '--aptopt=Apt::Install-Recommends "false"',
        *(image.SUITE, str(folder), str(sources)),
    ]
    run(argv, timeout_s=600)


def _make_initramfs(folder: Path, unpacked: Path, root: Path) -> None:
    for name in ("bin", "sbin", "proc", "sys", "dev", "root", "seed", "modules"):
        (folder / name).mkdir(parents=True)
    shutil.copy(next(unpacked.glob("**/bin/busybox")), folder / "bin/busybox")
    shutil.copy(root / "usr/sbin/e2fsck", folder / "sbin/e2fsck")
    for library in re.findall(r"(/\S+) \(0x", run(["chroot", str(root), "ldd", "/usr/sbin/e2fsck"])):
        target = folder / library.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / library.lstrip("/"), target)
    for module in _MODULES:
        shutil.copy(next(unpacked.glob(f"**/{module}.ko")), folder / "modules")
    (folder / "modules/order").write_text("\n".join(_MODULES) + "\n", encoding="ascii")
    (folder / "init").write_text(_INIT, encoding="ascii")
    (folder / "init").chmod(0o755)


def pack(folder: Path, archive: Path) -> None:
    """Write all below `folder` as an archive the kernel unpacks into its initramfs ("newc", see cpio(5)). All of it is root's, but
    what is below a folder home/USER, which has one user, uid 1000."""
    with archive.open("wb") as out:
        for path in sorted(folder.rglob("*")):
            mode = path.lstat().st_mode
            body = b"" if stat.S_ISDIR(mode) else bytes(path.readlink()) if path.is_symlink() else path.read_bytes()
            name = str(path.relative_to(folder))
            out.write(_entry(name, mode, 1000 if "/home/" in name else 0, body))
        out.write(_entry("TRAILER!!!", 0, 0, b""))


def _entry(name: str, mode: int, owner: int, body: bytes) -> bytes:
    words = (0, mode, owner, owner, 1, 0, len(body), 0, 0, 0, 0, len(name.encode()) + 1, 0)
    head = b"070701" + b"".join(f"{word:08x}".encode() for word in words) + name.encode() + b"\0"
    return _padded(head) + _padded(body)


def _padded(what: bytes) -> bytes:
    return what + b"\0" * (-len(what) % 4)

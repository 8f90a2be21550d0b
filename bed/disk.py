"""A disk: an ext4 file system in a file, on a loop device, that can really be damaged.

While a disk is attached its device is `device`; whoever checks, mounts or damages it needs it unused (`wait_unused`).
"""

import functools
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from bed.process import BedError, run, wait_for

_BLOCK_B = 1024
_SUPERBLOCK_AT_B = 1024
_GARBAGE = b"\xa5"


class Disk:
    """A fresh, attached disk of `size_mb` MB whose file system has the label `label`; its file is `file`."""

    def __init__(self, file: Path, label: str, size_mb: int) -> None:
        self.file = file
        with file.open("xb") as image:
            image.truncate(size_mb << 20)
        run(["mke2fs", "-q", "-F", "-t", "ext4", "-b", str(_BLOCK_B), "-L", label, str(file)])
        self.device = run(["losetup", "--find", "--show", str(file)]).strip()

    @classmethod
    def existing(cls, file: Path) -> Self:
        """The disk in `file`, attached; its file system has blocks of 1 KB."""
        disk = cls.__new__(cls)
        disk.file = file
        disk.device = run(["losetup", "--find", "--show", str(file)]).strip()
        return disk

    def wait_unused(self) -> None:
        """Return when nobody has it mounted any more: the kernel takes a dead machine's mounts away in its own time."""
        wait_for(lambda: not _in_use(self.device), f"{self.device} ({self.file.name}) to be unused", 10)

    def check(self) -> tuple[int, str]:
        """What a boot does: `e2fsck -p`. Exit status (4 and above: a person is needed) and what it said."""
        argv = ["e2fsck", "-p", self.device]
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
        return done.returncode, done.stdout

    def mount(self, point: Path) -> None:
        """Mount it at `point`, which is made if need be."""
        point.mkdir(exist_ok=True)
        run(["mount", self.device, str(point)])

    def damage_inodes(self, paths: Sequence[str]) -> None:
        """Overwrite the blocks in which the inodes of these files are ("/a/b"), and note in the superblock, as the kernel does once
        it meets such an inode, that the file system has errors. These files and their neighbours are lost."""
        asked = "".join(f"imap {path}\n" for path in paths)
        blocks = {int(block) for block in re.findall(r"located at block (\d+)", self._debugfs(asked))}
        if not blocks:
            raise BedError(f"{self.file.name} has none of {len(paths)} files")
        for block in blocks:
            self._write(block * _BLOCK_B, _GARBAGE * _BLOCK_B)
        self._debugfs("set_super_value state 2\n", "-w")

    def damage_superblock(self) -> None:
        """Wipe the superblock and overwrite the first inode bitmap: the backup superblock knows the rest, nothing is lost."""
        layout = run(["dumpe2fs", self.device])
        bitmap = re.search(r"Inode bitmap at (\d+)", layout)
        if bitmap is None:
            raise BedError(f"dumpe2fs shows no inode bitmap of {self.file.name}: {layout[:200]}")
        self._write(int(bitmap[1]) * _BLOCK_B, b"\xff" * _BLOCK_B)
        self._write(_SUPERBLOCK_AT_B, bytes(_BLOCK_B))

    def _debugfs(self, commands: str, *options: str) -> str:
        return run(["debugfs", *options, "-f", "-", self.device], stdin=commands)

    def _write(self, at_b: int, what: bytes) -> None:
        with Path(self.device).open("r+b", buffering=0) as device:
            device.seek(at_b)
            device.write(what)
            os.fsync(device.fileno())


def detach_below(folder: Path) -> None:
    """Give back every loop device whose file is below `folder`; returns when the kernel has let go of the files."""
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        if _is_below(backing, folder):
            run(["losetup", "--detach", f"/dev/{backing.parts[3]}"])
            wait_for(functools.partial(_is_gone, backing, folder), f"{backing.parts[3]} to be detached", 10)


def _is_below(backing: Path, folder: Path) -> bool:
    try:
        return Path(backing.read_text().removesuffix("\n")).is_relative_to(folder)
    except OSError:
        return False  # detached in the meantime


def _is_gone(backing: Path, folder: Path) -> bool:
    return not _is_below(backing, folder)


def _in_use(device: str) -> bool:
    try:
        os.close(os.open(device, os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC))
    except OSError:
        return True
    return False

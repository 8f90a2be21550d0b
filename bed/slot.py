"""A numbered place on this machine for one bed, and how to clear it.

Everything a bed makes carries its slot's number: network namespaces `hkN` and `hkN-GUEST`, control groups
`hikeshi-bed/N/GUEST`, the folder /run/hikeshi-bed/N. A slot is owned by whoever holds the lock on /run/hikeshi-bed/N.lock, which
the kernel lets go of when its owner ends, however it ends. So beds run side by side, and what a killed one left behind can be told
from what is in use.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from bed import cgroup, disk
from bed.process import BedError, run, wait_for

FOLDER = Path("/run/hikeshi-bed")
NETNS_FOLDER = Path("/run/netns")
CGROUP = "hikeshi-bed"
COUNT = 64
"""As many beds fit on one machine: each takes 4 addresses of 169.254.213.0/24 (see network.py)."""


class Slot:
    """An owned slot: `number`, and `folder` (a tmpfs) for the bed's files."""

    def __init__(self, number: int, lock: int) -> None:
        self.number = number
        self.folder = FOLDER / str(number)
        self.netns = f"hk{number}"
        self._lock = lock
        self.folder.mkdir()
        run(["mount", "-t", "tmpfs", "-o", "mode=0755", f"hikeshi-bed-{number}", str(self.folder)])
        # Every guest's namespaces begin with a copy of all mounts: what is unmounted here vanishes there only below a shared one.
        run(["mount", "--make-shared", str(self.folder)])
        # Clears the slot when this process dies without having done so itself: it waits for the end of its standard input.
        self._janitor = subprocess.Popen(
            [sys.executable, "-m", "bed.janitor", str(number)],
            stdin=subprocess.PIPE,
            cwd=Path(__file__).parent.parent,
            start_new_session=True,
        )

    def close(self) -> None:
        """Clear the slot and give it back."""
        clear(self.number)
        self._janitor.kill()  # there is nothing left for it to do
        self._janitor.communicate()
        os.close(self._lock)


def take() -> Slot:
    """Own the first free slot; first clear what dead beds left behind."""
    FOLDER.mkdir(exist_ok=True)
    clear_dead()
    for number in range(COUNT):
        lock = _try_lock(number)
        if lock is not None:
            clear(number)
            return Slot(number, lock)
    raise BedError(f"all {COUNT} slots of {FOLDER} are taken")


def clear_dead() -> None:
    """Clear every slot that has something left in it and no owner."""
    for folder in FOLDER.glob("*"):
        if folder.is_dir():
            clear_if_dead(int(folder.name))


def clear_if_dead(number: int) -> bool:
    """Clear slot `number` unless somebody owns it; returns whether it is clear now."""
    lock = _try_lock(number)
    if lock is None:
        return False
    try:
        clear(number)
    finally:
        os.close(lock)
    return True


def clear(number: int) -> None:
    """Take down everything of slot `number`: guests, what still runs in its control namespace, mounts, namespaces, files."""
    folder = FOLDER / str(number)
    if folder.is_dir():
        for guest in folder.glob("guests/*"):
            clear_guest(number, guest.name)
    cgroup.remove(f"{CGROUP}/{number}")
    control = NETNS_FOLDER / f"hk{number}"
    _kill_all_in(control)
    cable = Path("/sys/class/net") / control.name
    if control.exists() and cable.exists():
        run(["ip", "link", "delete", cable.name])
    for netns in (*NETNS_FOLDER.glob(f"hk{number}-*"), control):
        _delete_netns(netns)
    # a namespace that was deleted already: the kernel takes its devices away in its own time
    wait_for(lambda: not cable.exists(), f"the cable {cable.name} to be gone", 10)
    if folder.is_dir():
        _unmount_below(folder)
        shutil.rmtree(folder)


def clear_guest(number: int, guest: str) -> None:
    """Take down one guest of slot `number`: processes, control groups, mounts, disks, namespace, files."""
    folder = FOLDER / str(number) / "guests" / guest
    cgroup.remove(f"{CGROUP}/{number}/{guest}")
    _unmount_below(folder)
    disk.detach_below(folder)
    _delete_netns(NETNS_FOLDER / f"hk{number}-{guest}")
    shutil.rmtree(Path("/run/systemd/nspawn/propagate") / f"hk{number}-{guest}", ignore_errors=True)
    shutil.rmtree(folder)


def _try_lock(number: int) -> int | None:
    lock = os.open(FOLDER / f"{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _delete_netns(netns: Path) -> None:
    if netns.exists():
        run(["ip", "netns", "delete", netns.name])


def _unmount_below(folder: Path) -> None:
    mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for point in reversed(mounted):
        if Path(point).is_relative_to(folder):
            run(["umount", point])


def _kill_all_in(netns: Path) -> None:
    """Kill every process whose network is `netns`, except ourselves."""
    if not netns.exists():
        return
    inode = netns.stat().st_ino

    def inhabitants() -> list[int]:
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if (process / "ns/net").stat().st_ino == inode and int(process.name) != os.getpid():
                    found.append(int(process.name))
            except OSError:
                continue  # it ended while we looked, or is a zombie, which has no namespaces
        return found

    for pid in inhabitants():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue  # it ended by itself
    wait_for(lambda: not inhabitants(), f"the processes in {netns} to end", 10)

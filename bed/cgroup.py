"""One control group per guest: guests that share one come up `degraded`, and killing the group kills all of a guest at once.

Works with the unified hierarchy (one tree) and with the hybrid one (a tree per controller, and `unified`).
"""

import os
import signal
from pathlib import Path

from bed.process import wait_for

_TREE = Path("/sys/fs/cgroup")
_HYBRID_TREES = ("systemd", "unified", "memory", "pids", "cpu")


def available() -> bool:
    """Whether this machine has a unified hierarchy we may make groups in; freezing and killing need it."""
    tree = _unified()
    return (tree / "cgroup.controllers").exists() and os.access(tree, os.W_OK)


def create(name: str) -> list[Path]:
    """Make the group `name` ("a/b") in every tree; a process joins by writing its id to each `cgroup.procs`."""
    groups = [tree / name for tree in _trees()]
    for group in groups:
        group.mkdir(parents=True, exist_ok=True)
    return groups


def freeze(name: str, frozen: bool) -> None:
    """Stop, or let go on, every process of the group; returns when the kernel says it is so."""
    group = _unified() / name
    (group / "cgroup.freeze").write_text(str(int(frozen)))
    wait_for(lambda: f"frozen {int(frozen)}" in (group / "cgroup.events").read_text(), f"{group} to be frozen", 5)


def remove(name: str) -> None:
    """Kill every process of the group and its subgroups and remove them; nothing happens when there is none."""
    group = _unified() / name
    if group.is_dir():
        kill(name)
        wait_for(lambda: "populated 0" in (group / "cgroup.events").read_text(), f"the processes of {group} to end", 10)
    for tree in _trees():
        for folder, _, _ in os.walk(tree / name, topdown=False):
            Path(folder).rmdir()


def kill(name: str) -> None:
    """SIGKILL to every process of the group and its subgroups."""
    group = _unified() / name
    if (group / "cgroup.kill").exists():
        (group / "cgroup.kill").write_text("1")
        return
    for procs in group.rglob("cgroup.procs"):  # Linux before 5.14
        for pid in procs.read_text().split():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                continue  # it ended by itself in the meantime


def _unified() -> Path:
    hybrid = _TREE / "unified"
    return hybrid if hybrid.is_dir() else _TREE


def _trees() -> list[Path]:
    if (_TREE / "cgroup.controllers").exists():
        return [_TREE]
    return [_TREE / name for name in _HYBRID_TREES if (_TREE / name).is_dir()]

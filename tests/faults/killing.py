"""Roles' processes in which a test stops or kills what it wants, at a point (see ``points``)."""

import multiprocessing
import os
from pathlib import Path

import points
import psutil
from world import World

from bed.network import Bed

PRELOADED = [
    "points",
    "alembic.command",
    "hikeshi.processes",
    "engine.service",
    "engine.hands",
    "engine.watching",
    "fabric",
    "weasyprint",
]
ROLES = ("engine", "watcher", "hands")


class Forked:
    """A role's process, with the part of ``subprocess.Popen`` that the world needs."""

    def __init__(self, bed: Bed, role: str, environment: dict[str, str], log: Path) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        with bed.inside():  # the fork server begins with the first process, in the bed's network
            self._process = context.Process(target=points.run, args=(role, environment, str(log)), daemon=True)
            self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self) -> None:
        self._process.join()

    def kill(self) -> None:
        self._process.kill()

    def terminate(self) -> None:
        self._process.terminate()

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)


def armed(world: World) -> Path:
    """Once it is there, points count."""
    return world.settings.home / "armed"


def begin(world: World, *roles: str, **extra: str) -> None:
    """Start these roles' processes under observation."""
    for role in roles:
        log = world.settings.home / f"{role}.log"
        environment = {**world.environment, "POINTS_ARMED": str(armed(world)), **extra}
        world.processes[role] = Forked(world.bed, role, environment, log)


def begin_all(world: World, **extra: str) -> None:
    """All roles; returns when they see everything up, also those who died before and had to be started again."""
    begin(world, *ROLES, **extra)
    world.until("all checks up or a dead process", lambda: world.all_up() or _dead(world))
    revive(world)
    world.until("all checks up", world.all_up)


def _dead(world: World) -> bool:
    return any(process.poll() is not None for process in world.processes.values())


def revive(world: World) -> None:
    """A killed process is started again, as ``up`` would."""
    for role, process in list(world.processes.items()):
        if process.poll() is not None:
            begin(world, role)


def ended(world: World) -> bool:
    """Recovered, told and accounted for; or handed to a person who was paged."""
    if any(row.done_s is None for row in world.commands("Notify")):
        return False
    reports = world.commands("Report")
    codes = world.codes()
    return bool(reports and all(row.done_s is not None for row in reports)) or codes["paged"] > 0


def is_stopped(world: World, role: str) -> bool:
    return bool(psutil.Process(world.processes[role].pid).status() == psutil.STATUS_STOPPED)


def recorded(text: str) -> list[str]:
    return sorted(set(text.splitlines()))


def kind(point: str) -> str:
    return point.rpartition(" #")[0]

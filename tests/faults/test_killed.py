"""Killed at every write: whatever process dies wherever, a fault ends recovered or in a person's hands, the service is restarted
at most once, and every message arrives in order (R26; the design's "who decides, who acts").

``points.txt`` lists the points of an unkilled run; a test demands that it is complete. Write it anew with
``POINTS_WRITE=1 pytest tests/faults/test_killed.py -k unkilled``.
"""

import email
import email.policy
import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import points
import psutil
import pytest
from fixtures_bed import ClientKey
from world import World

from bed.guest import Guest
from bed.network import Bed

POINTS = Path(__file__).with_name("points.txt")
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
ASKED = {"hands: after commit INSERT attempt #1", "hands: before restart #1"}
"""Between intent and effect: nobody can know, so a person is asked."""
QUICK = {
    "engine: commit INSERT command, INSERT decision, INSERT incident, UPDATE host, UPDATE inbox, UPDATE verdict #1",
    "hands: after commit INSERT attempt #1",
    "hands: after mail #1",
    "hands: after restart #1",
    "hands: commit INSERT attempt #1",
    "hands: commit INSERT inbox, UPDATE attempt #1",
    "watcher: commit INSERT inbox #1",
}
"""One point of each kind: a decision, an intent, an effect, an outcome, a mail, a verdict. The rest is for ``make proof``."""
BY_CHANCE = {"watcher: commit INSERT inbox, complete command #1"}
"""Whether the recovery is seen by the look that was asked for or by the regular one before it."""

pytestmark = pytest.mark.root


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


def begin(world: World, *roles: str, **extra: str) -> None:
    """Start these roles' processes under observation."""
    for role in roles:
        log = world.settings.home / f"{role}.log"
        world.processes[role] = Forked(world.bed, role, {**world.environment, **extra}, log)


@pytest.fixture(scope="module")
def web01(bed: Bed, client_key: ClientKey) -> Iterator[Guest]:
    """One guest for all points: each brings its service back."""
    with Guest(bed, "web01") as guest:
        guest.authorize(client_key.public)
        guest.sudoers("hikeshi ALL=(root) NOPASSWD: /usr/bin/systemctl restart nginx.service\n")
        yield guest


@pytest.fixture
def world(bed: Bed, web01: Guest, client_key: ClientKey, tmp_path: Path) -> Iterator[World]:
    web01.restart_service("nginx")
    with World(bed, web01, client_key.path, tmp_path) as made:
        yield made


def play(world: World, **extra: str) -> int:
    """Break the service under the processes' eyes; returns how often the host saw it started since."""
    armed = world.settings.home / "armed"
    begin(world, *ROLES, POINTS_ARMED=str(armed), **extra)
    world.until("all checks up or a dead process", lambda: world.all_up() or _dead(world))
    _revive(world)
    world.until("all checks up", world.all_up)
    before = world.guest.service_starts("nginx")
    armed.touch()
    world.guest.break_service("nginx")

    def over() -> bool:
        _revive(world)
        return _ended(world)

    world.until("the end of the incident", over)
    return world.guest.service_starts("nginx") - before


def _dead(world: World) -> bool:
    return any(process.poll() is not None for process in world.processes.values())


def _revive(world: World) -> None:
    """A killed process is started again, as ``up`` would."""
    for role, process in list(world.processes.items()):
        if process.poll() is not None:
            begin(world, role, POINTS_ARMED=str(world.settings.home / "armed"))


def _ended(world: World) -> bool:
    """Recovered, told and accounted for; or handed to a person who was paged."""
    if any(row.done_s is None for row in world.commands("Notify")):
        return False
    reports = world.commands("Report")
    codes = world.codes()
    return bool(reports and all(row.done_s is not None for row in reports)) or codes["paged"] > 0


def recorded(text: str) -> list[str]:
    return sorted(set(text.splitlines()))


def test_the_list_of_points_is_that_of_an_unkilled_run(world: World, tmp_path: Path) -> None:
    record = tmp_path / "points"
    assert play(world, POINTS_RECORD=str(record)) == 1
    found = recorded(record.read_text(encoding="utf-8"))
    if os.environ.get("POINTS_WRITE"):
        POINTS.write_text("\n".join(found) + "\n", encoding="utf-8")
    pinned = recorded(POINTS.read_text(encoding="utf-8"))
    assert {kind(point) for point in found} <= {kind(point) for point in pinned}, "a write or effect of a new kind"
    # the look after the restart may need a second turn, which only repeats what is pinned
    assert set(pinned) - BY_CHANCE <= set(found)
    check_mails(world)


def kind(point: str) -> str:
    return point.rpartition(" #")[0]


def points_to_be_killed_at() -> list[pytest.ParameterSet]:
    pinned = recorded(POINTS.read_text(encoding="utf-8")) if POINTS.exists() else []
    return [pytest.param(point, id=point, marks=() if point in QUICK else pytest.mark.proof) for point in pinned]


def test_the_quick_points_are_points() -> None:
    assert set(recorded(POINTS.read_text(encoding="utf-8"))) >= QUICK | ASKED | BY_CHANCE


@pytest.mark.parametrize("point", points_to_be_killed_at())
def test_killed_at(point: str, world: World) -> None:
    starts = play(world, POINTS_KILL=point)
    assert point in BY_CHANCE or (world.settings.home / "killed").exists()
    incidents = world.incidents()
    assert len(incidents) == 1
    if point in ASKED:
        assert starts == 0
        assert incidents[0].phase == "handed"
        assert "page" in world.messages()
    else:
        assert starts == 1
        assert incidents[0].phase == "closed"
        assert world.codes()["recovered"] == 1
    check_mails(world)


def check_mails(world: World) -> None:
    """Every message at least once, each with one Message-ID, and none before what it follows."""
    mails = [email.message_from_bytes(content, policy=email.policy.default) for content in world.sink.mails()]
    arrived = [str(mail["Message-ID"]) for mail in mails if mail["To"].addresses[0].addr_spec == "office@shop.example"]
    first_seen = list(dict.fromkeys(arrived))
    wanted = [message for message in world.messages() if message not in ("page", "notice")]
    assert len(first_seen) == len(wanted)
    subjects = {str(mail["Message-ID"]): str(mail["Subject"]) for mail in mails}
    order = [subjects[identity] for identity in first_seen]
    assert wanted[0] == "fault"
    if "recovered" in wanted:
        assert wanted[-1] == "recovered"
        assert "recovered" in order[-1].lower()


def test_a_stopped_holder_that_wakes_too_late_does_not_act(world: World) -> None:
    """SIGSTOP right after the intent: another takes over and asks a person; woken, the first one sees that it is too late."""
    armed = world.settings.home / "armed"
    stop_at = {"POINTS_STOP": "hands: after commit INSERT attempt #1", "POINTS_ARMED": str(armed)}
    begin(world, *ROLES, **stop_at)
    world.until("all checks up", world.all_up)
    before = world.guest.service_starts("nginx")
    armed.touch()
    world.guest.break_service("nginx")
    stopped = world.processes["hands"]
    world.until("the holder to stop", lambda: psutil.Process(stopped.pid).status() == psutil.STATUS_STOPPED)
    begin(world, "hands", POINTS_ARMED=str(armed))
    world.until("a person to be asked", lambda: _ended(world))
    stopped.send_signal(signal.SIGCONT)
    world.until("the woken holder to say so", lambda: "no longer holds" in (world.settings.home / "hands.log").read_text())
    stopped.terminate()
    stopped.wait()
    assert world.guest.service_starts("nginx") == before
    assert world.incidents()[0].phase == "handed"
    assert world.codes()["run_unknown"] == 1

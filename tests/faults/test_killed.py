"""Killed at every write: whatever process dies wherever, a fault ends recovered or in a person's hands, the service is restarted
at most once, and every message arrives in order (R26; the design's "who decides, who acts").

``points.txt`` lists the points of an unkilled run; a test demands that it is complete. Write it anew with
``POINTS_WRITE=1 pytest tests/faults/test_killed.py -k unkilled``.
"""

import email
import email.policy
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures_bed import ClientKey
from killing import ROLES, armed, begin, begin_all, ended, is_stopped, kind, recorded, revive
from world import World

from bed.guest import Guest
from bed.network import Bed

POINTS = Path(__file__).with_name("points.txt")
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
    begin_all(world, **extra)
    before = world.guest.service_starts("nginx")
    armed(world).touch()
    world.guest.break_service("nginx")

    def over() -> bool:
        revive(world)
        return ended(world)

    world.until("the end of the incident", over)
    return world.guest.service_starts("nginx") - before


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
    begin(world, *ROLES, POINTS_STOP="hands: after commit INSERT attempt #1")
    world.until("all checks up", world.all_up)
    before = world.guest.service_starts("nginx")
    armed(world).touch()
    world.guest.break_service("nginx")
    stopped = world.processes["hands"]
    world.until("the holder to stop", lambda: is_stopped(world, "hands"))
    begin(world, "hands")
    world.until("a person to be asked", lambda: ended(world))
    stopped.send_signal(signal.SIGCONT)
    world.until("the woken holder to say so", lambda: "no longer holds" in (world.settings.home / "hands.log").read_text())
    stopped.terminate()
    stopped.wait()
    assert world.guest.service_starts("nginx") == before
    assert world.incidents()[0].phase == "handed"
    assert world.codes()["run_unknown"] == 1

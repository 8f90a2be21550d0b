"""Killed at every write and order of a procedure that switches power: the BMC is given each step's order at most once, the file
systems are checked at most once, and the host ends recovered or in a person's hands (R26; the design's "effects at most once").

``points_power.txt`` lists the points of an unkilled run; write it anew with
``POINTS_WRITE=1 pytest tests/faults/test_power_killed.py -k unkilled``.
"""

import os
import re
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fixtures_bed import ClientKey
from killing import armed, begin, begin_all, ended, is_stopped, kind, recorded, revive
from stricken import RUNBOOK, CountedGuest, Stricken, approve

from bed.chassis import Chassis
from bed.ipmi import Ipmi
from bed.network import Bed
from bed.redfish import Redfish

POINTS = Path(__file__).with_name("points_power.txt")
WHOLE = [("reset", "disk"), ("off", "rescue"), ("off", "disk")]
"""All orders of the procedure, by IPMI: reboot; then into the rescue system, and out of it."""
ASKED = {
    "hands: after commit INSERT attempt #2": 0,
    "hands: before bootdev none #1": 0,
    "hands: after bootdev none #1": 0,
    "hands: before power reset #1": 0,
    # IPMI keeps no record of restarts, and a host in emergency mode can't be asked
    "hands: after power reset #1": 1,
    "hands: commit INSERT inbox, UPDATE attempt #2": 1,
    "hands: after commit INSERT attempt #3": 1,
    "hands: before bootdev pxe #1": 1,
    "hands: after bootdev pxe #1": 1,
    "hands: before power cycle #1": 1,
    "hands: after commit INSERT attempt #4": 2,
    "hands: before unit #1": 2,
    "hands: after commit INSERT attempt #5": 2,
    "hands: before bootdev none #2": 2,
    "hands: after bootdev none #2": 2,
    "hands: before power cycle #2": 2,
}
"""Between intent and effect, or where nothing tells whether it had its effect: a person is asked, after so many orders."""
INTENTS = {f"hands: after commit INSERT attempt #{number}": orders for number, orders in enumerate((0, 1, 2, 2), start=2)}
"""After the diagnosis: reboot, rescue, fsck, disk."""
LAST = list(INTENTS)[-1]
OF_ACTIONS = ("attempt", "finding", "bootdev", "power", "unit", "outcome")

pytestmark = pytest.mark.root


@pytest.fixture
def db01(bed: Bed, client_key: ClientKey) -> Iterator[CountedGuest]:
    with CountedGuest(bed) as guest:
        guest.authorize(client_key.public)
        guest.authorize_rescue(client_key.public)
        yield guest


@pytest.fixture
def chassis(db01: CountedGuest, tmp_path: Path) -> Iterator[Chassis]:
    with Chassis(db01, tmp_path) as made:
        yield made


@pytest.fixture
def world(bed: Bed, db01: CountedGuest, chassis: Chassis, client_key: ClientKey, tmp_path: Path) -> Iterator[Stricken]:
    with Ipmi(chassis, tmp_path, bed) as bmc, Stricken(bed, db01, bmc, client_key, tmp_path) as made:
        yield made


@pytest.fixture
def recording(bed: Bed, db01: CountedGuest, chassis: Chassis, client_key: ClientKey, tmp_path: Path) -> Iterator[Stricken]:
    """With a BMC that keeps a record of restarts."""
    with Redfish(chassis, tmp_path, bed.authority, bed) as bmc, Stricken(bed, db01, bmc, client_key, tmp_path) as made:
        yield made


def play(world: Stricken, fault: Callable[[CountedGuest], None], **extra: str) -> None:
    """Bring the fault about under the processes' eyes, and see the end of the incident."""
    begin_all(world, **extra)
    approve(world, RUNBOOK)
    armed(world).touch()
    fault(world.guest)

    def over() -> bool:
        revive(world)
        return ended(world)

    world.until("the end of the incident", over, patience_s=150)


def damaged(guest: CountedGuest) -> None:
    """It has restarted by itself, and waits in emergency mode."""
    guest.damage_data()
    guest.reset()


def locked_up(guest: CountedGuest) -> None:
    """Nobody can log in, and its service is gone; a reboot brings both back."""
    guest.run(["systemctl", "stop", "ssh.service", "database.service"])


def orders(world: Stricken) -> list[tuple[str, str]]:
    return [(order.what, order.boot) for order in world.orders]


def whole(world: Stricken) -> list[tuple[str, str]]:
    """All orders of the procedure; what this Redfish service offers as a cycle is a reset."""
    return WHOLE if world.powered_by == "ipmi" else [("reset", boot) for _, boot in WHOLE]


def check_once(world: Stricken) -> None:
    """Whatever happened: nothing was done twice, counted where it can't be fooled."""
    assert Counter(orders(world)) <= Counter(whole(world)), world.told()
    assert len(world.guest.checked) <= 1
    assert set(world.attempts().values()) <= {1}


def check_recovered(world: Stricken, *, repaired: bool = True) -> None:
    check_once(world)
    assert orders(world) == (whole(world) if repaired else WHOLE[:1]), world.told()
    assert len(world.guest.checked) == repaired
    assert [row.phase for row in world.incidents()] == ["closed"]
    assert world.codes()["recovered"] == 1


def check_asked(world: Stricken, given: int) -> None:
    check_once(world)
    assert orders(world) == WHOLE[:given], world.told()
    assert [row.phase for row in world.incidents()] == ["handed"]
    assert "page" in world.messages()
    assert (world.codes()["run_unknown"], world.codes()["recovered"]) == (1, 0)


@pytest.mark.proof
def test_the_list_of_points_is_that_of_an_unkilled_run(world: Stricken, tmp_path: Path) -> None:
    record = tmp_path / "points"
    play(world, damaged, POINTS_RECORD=str(record))
    check_recovered(world)
    found = [point for point in recorded(record.read_text(encoding="utf-8")) if is_of_actions(point)]
    if os.environ.get("POINTS_WRITE"):
        POINTS.write_text("\n".join(found) + "\n", encoding="utf-8")
    assert recorded(POINTS.read_text(encoding="utf-8")) == found


def is_of_actions(point: str) -> bool:
    """What else is written is written by a restart too, and killed at there (test_killed.py); so are looks and announcements."""
    return any(word in re.findall(r"\w+", kind(point)) for word in OF_ACTIONS) and "INSERT attempt, INSERT inbox" not in point


def test_the_points_are_points() -> None:
    pinned = set(recorded(POINTS.read_text(encoding="utf-8")))
    assert pinned >= ASKED.keys() | INTENTS.keys()


@pytest.mark.proof
@pytest.mark.parametrize("point", recorded(POINTS.read_text(encoding="utf-8")) if POINTS.exists() else [])
def test_killed_at(point: str, world: Stricken) -> None:
    play(world, damaged, POINTS_KILL=point)
    assert (world.settings.home / "killed").exists()
    if point in ASKED:
        check_asked(world, ASKED[point])
    else:
        check_recovered(world)


@pytest.mark.proof
@pytest.mark.parametrize("point", ["hands: before redfish power #1", "hands: after redfish power #1"])
def test_killed_where_the_bmc_keeps_a_record_of_restarts(point: str, recording: Stricken) -> None:
    """The order is settled by that record, where nobody can log in to ask the host."""
    play(recording, damaged, POINTS_KILL=point)
    if point.startswith("hands: before"):
        check_asked(recording, 0)
    else:
        check_recovered(recording)


def test_killed_right_after_the_order_and_ill_again_within_the_cool_down(world: Stricken) -> None:
    """The host's own age tells that it was rebooted, and it is not rebooted again: neither for the order nor for the relapse."""
    play(world, locked_up, POINTS_KILL="hands: after power reset #1")
    assert (world.settings.home / "killed").exists()
    check_recovered(world, repaired=False)
    world.guest.hang()
    world.until("a person to be asked", lambda: world.codes()["paged"] > 0)
    assert [row.phase for row in world.incidents()] == ["handed"]
    assert (world.codes()["gate_tried"], orders(world)) == (1, WHOLE[:1])


def test_killed_while_the_file_systems_are_checked(world: Stricken) -> None:
    """The check goes on, is found again by its name, and was made once."""
    world.guest.fsck_takes_s = 4
    play(world, damaged, POINTS_KILL="hands: after unit #1")
    check_recovered(world)


@pytest.mark.parametrize(
    "point", [pytest.param(point, marks=() if orders == 0 else pytest.mark.proof) for point, orders in INTENTS.items()]
)
def test_a_stopped_holder_that_wakes_too_late_gives_no_order(point: str, world: Stricken) -> None:
    """SIGSTOP right after the intent: another takes over and asks a person; woken, the first one sees that it is too late."""
    begin_all(world, POINTS_STOP=point)
    approve(world, RUNBOOK)
    armed(world).touch()
    damaged(world.guest)
    world.until("the holder to stop", lambda: is_stopped(world, "hands"), patience_s=60)
    stopped = world.processes["hands"]
    begin(world, "hands")
    world.until("a person to be asked", lambda: ended(world), patience_s=60)
    stopped.send_signal(signal.SIGCONT)
    world.until("the woken holder to say so", lambda: "no longer holds" in (world.settings.home / "hands.log").read_text())
    stopped.terminate()
    stopped.wait()
    check_asked(world, INTENTS[point])
    assert len(world.guest.checked) == (point == LAST), "the file systems are checked before the last order, and never anew"

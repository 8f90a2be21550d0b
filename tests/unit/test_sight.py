"""C52: while most anchors of a segment are silent, nothing there is judged down; the operators hear of it once."""

import pytest
from watcher_world import A, B, World, check, policy, run, watching

from domain.events import WatcherCutOff
from domain.model import Confirmation
from domain.observation import Observation, Verdict, down, unknown, up
from probes.spec import Heard
from watch.sight import TIMEOUT_S, TOLD_AFTER_S

GATEWAY, EAST, WEST = ANCHORS = ("198.51.100.1", "198.51.100.2", "198.51.100.3")
SILENT = down("no answer within 2 s")


@pytest.fixture
def world() -> World:
    made = World()
    made.adopt(policy(check(), check("http", B), anchors=ANCHORS))
    made.seen |= dict.fromkeys(ANCHORS, up())
    return made


def set_all(world: World, addresses: tuple[str, ...], seen: Observation, takes_s: float = 0.01) -> None:
    world.seen |= dict.fromkeys(addresses, seen)
    world.takes_s |= dict.fromkeys(addresses, takes_s)


def cut(world: World) -> None:
    """The uplink: nothing answers any more."""
    set_all(world, ANCHORS, SILENT, TIMEOUT_S)
    set_all(world, (A, B), down("no answer within 10 s"), 10.0)


def mend(world: World) -> None:
    set_all(world, (*ANCHORS, A, B), up())


def notices(world: World) -> list[bool]:
    return [one.cut_off for one in world.written if isinstance(one, WatcherCutOff)]


def test_a_watcher_that_is_cut_off_sees_no_fault_and_says_so_once(world: World) -> None:
    watcher = watching(world)
    run(world, watcher, 400)
    cut(world)
    run(world, watcher, 3600)
    told = [(id_, seen) for seen in (Verdict.UP, Verdict.UNKNOWN) for id_ in ("web01/http", "web01/ssh")]
    assert sorted(world.told()) == sorted(told)
    assert notices(world) == [True]
    assert "anchors" in world.changes[-1].detail


def test_what_is_back_is_looked_at_at_once_and_is_no_recovery(world: World) -> None:
    watcher = watching(world)
    run(world, watcher, 400)
    cut(world)
    run(world, watcher, 3600)
    mend(world)
    run(world, watcher, 30)
    assert sorted(world.told()[4:]) == [("web01/http", Verdict.UP), ("web01/ssh", Verdict.UP)]
    assert notices(world) == [True, False]
    assert Verdict.DOWN not in {seen for _, seen in world.told()}


def test_a_fault_of_before_is_unknown_at_once_and_the_same_fault_afterwards(world: World) -> None:
    """Nothing may act on what nobody sees; the report's outage began when it began (R20)."""
    watcher = watching(world)
    run(world, watcher, 400)
    world.seen[A] = down("connection refused")
    run(world, watcher, 900)
    began_s = world.changes[-1].fault_at_s
    cut(world)
    before_s = world.boot_s
    while world.told()[-1] != ("web01/ssh", Verdict.UNKNOWN):
        watcher.turn()
    assert world.boot_s - before_s < 20, "and not when its turn comes, up to 300 s later"
    mend(world)
    mended_s = world.at_s
    world.seen[A] = down("connection refused")
    run(world, watcher, 900)
    fault = world.changes[-1]
    assert (fault.check, fault.verdict, fault.fault_at_s) == ("web01/ssh", Verdict.DOWN, began_s)
    assert fault.evidence_since_s is not None
    assert fault.evidence_since_s > mended_s


def test_a_real_fault_is_told_as_ever_and_costs_one_round_of_the_anchors(world: World) -> None:
    watcher = watching(world)
    run(world, watcher, 400)
    world.seen[A] = down("connection refused")
    before = len(world.looks)
    run(world, watcher, 900)
    assert world.told()[-1] == ("web01/ssh", Verdict.DOWN)
    failing = [at_s for at_s, address in world.looks[before:] if address == A]
    assert all(any(0 < at_s - begun_s < 1.0 for at_s, address in world.looks if address == GATEWAY) for begun_s in failing)


@pytest.mark.parametrize(
    ("silent", "verdict"), [((EAST,), Verdict.DOWN), ((EAST, WEST), Verdict.UNKNOWN), ((GATEWAY, EAST), Verdict.UNKNOWN)]
)
def test_most_of_them_have_to_be_silent(world: World, silent: tuple[str, ...], verdict: Verdict) -> None:
    set_all(world, silent, SILENT, TIMEOUT_S)
    world.seen[A] = down("connection refused")
    run(world, watching(world), 900)
    assert dict(world.told())["web01/ssh"] is verdict


def test_what_still_answers_is_up(world: World) -> None:
    """A host beside the watcher may well be seen while the world beyond is not."""
    watcher = watching(world)
    run(world, watcher, 400)
    cut(world)
    set_all(world, (B,), up())
    run(world, watcher, 900)
    assert dict(world.told())["web01/http"] is Verdict.UP


def test_a_short_one_wakes_nobody(world: World) -> None:
    watcher = watching(world)
    run(world, watcher, 400)
    cut(world)
    while not watcher.cut_off("main"):
        watcher.turn()
    mend(world)
    run(world, watcher, TOLD_AFTER_S * 10)
    assert notices(world) == []
    assert dict(world.told()) == {"web01/http": Verdict.UP, "web01/ssh": Verdict.UP}


def test_a_watcher_that_may_not_ping_is_cut_off_too(world: World) -> None:
    """It can't tell its own trouble from theirs."""
    set_all(world, ANCHORS, unknown("the watcher may not ping"))
    world.seen[A] = down("connection refused")
    run(world, watching(world), 900)
    assert dict(world.told())["web01/ssh"] is Verdict.UNKNOWN
    assert notices(world) == [True]


def test_a_run_s_look_is_answered_as_not_known(world: World) -> None:
    """So that nobody acts again on what the watcher can't see."""
    watcher = watching(world)
    run(world, watcher, 400)
    cut(world)
    key = world.ask("web01/ssh")
    run(world, watcher, 60)
    assert [(one.key, one.seen["web01/ssh"].verdict) for one in world.answers] == [(key, Verdict.UNKNOWN)]


def test_a_segment_without_anchors_is_believed(world: World) -> None:
    world.adopt(policy(check(), check("http", B)))
    watcher = watching(world)
    run(world, watcher, 400)
    cut(world)
    run(world, watcher, 900)
    assert dict(world.told()) == {"web01/http": Verdict.DOWN, "web01/ssh": Verdict.DOWN}


@pytest.mark.parametrize("anchors", [(), (GATEWAY,), (WEST, EAST)])
def test_an_inventory_with_other_anchors_loses_no_look(world: World, anchors: tuple[str, ...]) -> None:
    """Whatever waits to be proved then is proved by the new ones, or believed where there are none."""
    watcher = watching(world)
    run(world, watcher, 400)
    set_all(world, ANCHORS, up(), 1.5)
    world.seen[A] = down("connection refused")
    while not any(item.held for item in watcher._checks.values()):
        watcher.turn()
    world.adopt(policy(check(), check("http", B), version="2", anchors=anchors))
    run(world, watcher, 900)
    assert dict(world.told())["web01/ssh"] is Verdict.DOWN


@pytest.mark.parametrize("anchors", [(), (A,)])
def test_anchors_that_were_wrong_are_mended_and_the_end_of_it_is_told(world: World, anchors: tuple[str, ...]) -> None:
    """By an inventory with other ones, or none: what was unknown is looked at soon, and not only when its turn comes."""
    watcher = watching(world)
    run(world, watcher, 400)
    set_all(world, ANCHORS, SILENT, TIMEOUT_S)
    set_all(world, (A, B), down("connection refused"))
    run(world, watcher, 900)
    assert notices(world) == [True]
    set_all(world, (A, B), up())
    world.adopt(policy(check(), check("http", B), version="2", anchors=anchors))
    run(world, watcher, 20)
    assert notices(world) == [True, False]
    assert dict(world.told()) == {"web01/http": Verdict.UP, "web01/ssh": Verdict.UP}


def test_what_others_say_is_not_seen_through_the_watcher_s_network(world: World) -> None:
    """An alert that fires goes on firing while the watcher is cut off."""
    alert = check("full", kind="alert", options={"match": {"alertname": "DiskFull"}}, confirmation=Confirmation(1))
    world.adopt(policy(check(), alert, anchors=ANCHORS))
    world.said = {"web01/full": [Heard("a", world.at_s, "firing", "disk full")]}
    watcher = watching(world)
    run(world, watcher, 400)
    cut(world)
    run(world, watcher, 900)
    assert [seen for name, seen in world.told() if name == "web01/full"] == [Verdict.DOWN]


def test_a_check_that_is_dropped_while_it_waits_is_told_to_nobody(world: World) -> None:
    watcher = watching(world)
    run(world, watcher, 400)
    set_all(world, ANCHORS, up(), 1.5)
    world.seen[A] = down("connection refused")
    while not any(item.held for item in watcher._checks.values()):
        watcher.turn()
    world.adopt(policy(check("http", B), version="2", anchors=ANCHORS))
    run(world, watcher, 900)
    assert dict(world.told()) == {"web01/http": Verdict.UP, "web01/ssh": Verdict.UP}

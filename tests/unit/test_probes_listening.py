"""What is made of what others say: reports of jobs (C44), another monitoring's alerts."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from watcher_world import World, check, policy, run, watching

from domain.model import Confirmation
from domain.observation import Verdict
from probes import PROBES
from probes.alert import matches
from probes.heartbeat import FAILED
from probes.spec import Heard, Listen

NOW_S = 1_800_000_000.0
PERIOD_S, GRACE_S = 900.0, 300.0
BEAT: dict[str, Any] = {"period": PERIOD_S, "grace": GRACE_S}
ALERT: dict[str, Any] = {"match": {"alertname": "DiskFull"}, "repeat": 18_000.0}


def judged(kind: str, options: dict[str, Any], *heard: Heard, now_s: float = NOW_S) -> tuple[Verdict, str]:
    way = PROBES[kind].way
    assert isinstance(way, Listen)
    seen = way.judge(options, heard, now_s)
    return seen.verdict, seen.detail


def report(ago_s: float, state: str = "ok", detail: str = "") -> Heard:
    return Heard("", NOW_S - ago_s, state, detail)


def alert(ago_s: float, about: str = "a", detail: str = "disk full") -> Heard:
    return Heard(about, NOW_S - ago_s, "firing", detail)


@pytest.mark.parametrize(
    ("heard", "verdict", "words"),
    [
        ([], Verdict.UNKNOWN, "has not reported yet"),
        ([report(0)], Verdict.UP, ""),
        ([report(PERIOD_S + GRACE_S)], Verdict.UP, ""),
        ([report(PERIOD_S + GRACE_S + 1)], Verdict.DOWN, "has not reported for 20 min, expected every 15"),
        ([report(5, FAILED)], Verdict.DOWN, "reported that it failed"),
        ([report(5, FAILED, "exit status 2")], Verdict.DOWN, "exit status 2"),
        ([report(-3600)], Verdict.UP, ""),  # our clock was set back
    ],
)
def test_a_report_comes_within_its_period_and_grace(heard: list[Heard], verdict: Verdict, words: str) -> None:
    assert judged("heartbeat", BEAT, *heard) == (verdict, words)


@pytest.mark.parametrize(
    ("heard", "verdict", "words"),
    [
        ([], Verdict.UP, "nothing fires"),
        ([alert(5)], Verdict.DOWN, "disk full"),
        ([alert(9, "a", "old"), alert(5, "b", "new"), alert(7, "c")], Verdict.DOWN, "new (and 2 more)"),
        ([alert(18_001)], Verdict.UNKNOWN, "fires, but was not repeated for 5.0 h: is whoever sends it alive?"),
        ([alert(18_001, "a"), alert(5, "b", "new")], Verdict.DOWN, "new (and 1 more)"),
    ],
)
def test_an_alert_is_a_fault_while_it_fires(heard: list[Heard], verdict: Verdict, words: str) -> None:
    assert judged("alert", ALERT, *heard) == (verdict, words)


def test_an_alert_is_a_check_s_by_all_of_its_labels() -> None:
    options = {"match": {"alertname": "DiskFull", "instance": "web01"}}
    assert matches(options, {"alertname": "DiskFull", "instance": "web01", "severity": "page"})
    assert not matches(options, {"alertname": "DiskFull", "instance": "web02"})
    assert not matches(options, {"alertname": "DiskFull"})


@given(st.lists(st.builds(Heard, st.text(), st.floats(0, 4e9), st.text(), st.text()), max_size=5), st.floats(0, 4e9))
def test_whatever_was_heard_has_a_verdict(heard: list[Heard], now_s: float) -> None:
    for kind, options in (("heartbeat", BEAT), ("alert", ALERT)):
        assert judged(kind, options, *heard, now_s=now_s)[0] in set(Verdict)


def test_what_is_new_is_judged_at_once_and_what_stays_is_told_once() -> None:
    world = World()
    listening = check("disk", kind="alert", options={"match": {"alertname": "DiskFull"}}, confirmation=Confirmation(1))
    world.adopt(policy(listening))
    watcher = watching(world)
    run(world, watcher, 30)
    assert world.told() == [("web01/disk", Verdict.UP)]
    world.said, world.news = {"web01/disk": [Heard("a", world.at_s, "firing", "disk full")]}, True
    before_s = world.boot_s
    while len(world.told()) < 2:
        watcher.turn()
    assert world.boot_s - before_s < 2, "and not when its turn comes"
    run(world, watcher, 3600)
    assert world.told() == [("web01/disk", Verdict.UP), ("web01/disk", Verdict.DOWN)]
    world.said, world.news = {}, True
    run(world, watcher, 2)
    assert world.told()[2:] == [("web01/disk", Verdict.UP)]
    assert world.looks == [], "nobody is asked for it"


def test_a_report_that_stays_out_is_noticed_at_the_check_s_turn() -> None:
    world = World()
    listening = check("backup", kind="heartbeat", options={"period": PERIOD_S}, interval_s=60.0, confirmation=Confirmation(1))
    world.adopt(policy(listening))
    world.said = {"web01/backup": [Heard("", world.at_s, "ok", "")]}
    run(world, watching(world), PERIOD_S + GRACE_S + 130)
    assert world.told() == [("web01/backup", Verdict.UP), ("web01/backup", Verdict.DOWN)]


def test_a_run_s_look_is_answered_by_what_was_heard() -> None:
    world = World()
    world.adopt(policy(check("disk", kind="alert", options={"match": {"alertname": "DiskFull"}})))
    watcher = watching(world)
    run(world, watcher, 1)
    key = world.ask("web01/disk")
    run(world, watcher, 1)
    assert [(one.key, one.seen["web01/disk"].verdict) for one in world.answers] == [(key, Verdict.UP)]

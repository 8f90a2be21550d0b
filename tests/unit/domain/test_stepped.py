"""All moments of a host that something waits for, and nothing else, move with the clock; after a reboot they begin anew."""

from dataclasses import fields, is_dataclass
from typing import Any

from domain.changed import changed
from domain.escalation import Page
from domain.model import FaultClass, Level
from domain.observation import Verdict
from domain.runs import deadline_s
from domain.state import Behind, CheckState, Fault, HostState, Incident, RunRef
from domain.stepped import WAITS, moved, renewed
from domain.trust import Cure
from domain.work import UNSEEN_NOTICE_S, VERIFY_GRACE_S

FAULT = Fault("web01/ping", Level.UNREACHABLE, FaultClass.SERVER, None, 10.0, 20.0, 30.0, 40.0, value=5.0)
INCIDENT = Incident(
    "INC-000001", "aozora", "web01", 10.0, 20.0, (FAULT,), worst=FAULT, told_level=Level.UNREACHABLE, told_at_s=21.0,
    run=RunRef("k", "r", "t", 99.0), runs=3, verify_until_s=98.0, page=Page("code", 2, 97.0), recovered_at_s=96.0,
    unseen_notice_s=93.0, serial=7,
)  # fmt: skip
STATE = HostState(
    "web01",
    (CheckState("web01/ping", Verdict.DOWN, 5, (1.0, 2.0), occurred=(2.0,)),),
    INCIDENT, INCIDENT, 95.0, RunRef("k", "r", "t", 94.0),
    (Cure("k", "r", "v", "aozora", "INC-000001", ("web01/ping",), 92.0),), worked_s=91.0,
    behind=Behind("aozora", (FAULT,)), back_s=90.0,
)  # fmt: skip
READ_BY_PEOPLE = {"fault_at_s", "confirmed_at_s", "opened_at_s", "told_at_s", "recovered_at_s"}


def leaves(value: Any, name: str = "", way: str = "") -> dict[str, tuple[str, Any]]:
    """Every plain value by its way, with the name of its field."""
    if is_dataclass(value):
        found = [leaves(getattr(value, item.name), item.name, f"{way}.{item.name}") for item in fields(value)]
    elif isinstance(value, tuple):
        found = [leaves(item, name, f"{way}[{number}]") for number, item in enumerate(value)]
    else:
        return {way: (name, value)}
    return {key: leaf for part in found for key, leaf in part.items()}


def test_what_waits_moves_and_nothing_else() -> None:
    before, after = leaves(STATE), leaves(moved(STATE, -3.5))
    assert before.keys() == after.keys()
    assert {name for name, _ in before.values() if name.endswith("_s")} == WAITS - {"changes", "occurred"} | READ_BY_PEOPLE, (
        "which is it?"
    )
    assert after.pop(".incident.clock_set") == ("clock_set", True)
    for way, (name, value) in after.items():
        assert value == (before[way][1] - 3.5 if name in WAITS else before[way][1]), way


def test_what_never_was_stays_so() -> None:
    assert moved(HostState("web01", last_closed_s=5.0), 1.0) == HostState("web01", last_closed_s=6.0)
    bare = HostState("web01", incident=Incident("i", "c", "l", 1.0, 2.0))
    assert moved(bare, 1.0).incident == Incident("i", "c", "l", 1.0, 2.0, clock_set=True)
    assert renewed(bare, 50.0) == bare


def test_after_a_reboot_every_wait_begins_anew_whatever_the_clock_said_before() -> None:
    for now_s in (1.0, 50.0, 1e9):
        after = renewed(STATE, now_s)
        assert after.incident is not None
        (fault,) = after.incident.faults
        assert (fault.clock_from_s, fault.evidence_since_s) == (now_s, now_s)
        assert after.incident.run == RunRef("k", "r", "t", deadline_s(now_s))
        assert after.asked == RunRef("k", "r", "t", deadline_s(now_s))
        assert after.incident.verify_until_s == now_s + VERIFY_GRACE_S
        assert after.incident.unseen_notice_s == now_s + UNSEEN_NOTICE_S
        assert after.incident.page == Page("code", 2, now_s)
        assert after.last_closed_s == min(now_s, 95.0), "a cool-down is not longer than it was"
        assert after.cures[0].cured_s == min(now_s, 92.0), "nor that of a cure"
        assert after.worked_s == min(now_s, 91.0)
        assert after.checks[0].changes == (1.0, min(now_s, 2.0))
        assert after.checks[0].occurred == (min(now_s, 2.0),)
        read = {way: leaf for way, leaf in leaves(STATE).items() if leaf[0] in READ_BY_PEOPLE}
        assert read == {way: leaf for way, leaf in leaves(after).items() if leaf[0] in READ_BY_PEOPLE}


def test_what_the_watcher_cannot_judge_is_not_judged_by_a_reboot() -> None:
    blind = changed(STATE, incident=changed(INCIDENT, faults=(changed(FAULT, evidence_since_s=None, clock_from_s=None),)))
    after = renewed(blind, 50.0).incident
    assert after is not None
    assert (after.faults[0].evidence_since_s, after.faults[0].clock_from_s) == (None, None)

"""All moments that are remembered of a host, and nothing else, move with the clock."""

from dataclasses import fields, is_dataclass
from typing import Any

from domain.escalation import Page
from domain.model import FaultClass, Level
from domain.observation import Verdict
from domain.state import CheckState, Fault, HostState, Incident, RunRef
from domain.stepped import moved

FAULT = Fault("web01/ping", Level.UNREACHABLE, FaultClass.SERVER, None, 10.0, 20.0, 30.0, 40.0, value=5.0)
INCIDENT = Incident(
    "INC-000001", "aozora", "web01", 10.0, 20.0, (FAULT,), worst=FAULT, told_level=Level.UNREACHABLE, told_at_s=21.0,
    run=RunRef("k", "r", "t", 99.0), runs=3, verify_until_s=98.0, page=Page("code", 2, 97.0), recovered_at_s=96.0,
    unseen_notice_s=93.0, serial=7,
)  # fmt: skip
STATE = HostState(
    "web01", (CheckState("web01/ping", Verdict.DOWN, 5, (1.0, 2.0)),), INCIDENT, INCIDENT, 95.0, RunRef("k", "r", "t", 94.0)
)
MOMENTS = {
    "fault_at_s", "confirmed_at_s", "evidence_since_s", "clock_from_s", "opened_at_s", "told_at_s", "deadline_s", "verify_until_s",
    "next_at_s", "recovered_at_s", "last_closed_s", "unseen_notice_s", "changes",
}  # fmt: skip


def leaves(value: Any, name: str = "", way: str = "") -> dict[str, tuple[str, Any]]:
    """Every plain value by its way, with the name of its field."""
    if is_dataclass(value):
        found = [leaves(getattr(value, item.name), item.name, f"{way}.{item.name}") for item in fields(value)]
    elif isinstance(value, tuple):
        found = [leaves(item, name, f"{way}[{number}]") for number, item in enumerate(value)]
    else:
        return {way: (name, value)}
    return {key: leaf for part in found for key, leaf in part.items()}


def test_every_moment_moves_and_nothing_else() -> None:
    before, after = leaves(STATE), leaves(moved(STATE, -3.5))
    assert before.keys() == after.keys()
    assert {name for name, _ in before.values() if name.endswith("_s")} == MOMENTS - {"changes"}, "is the new one a moment?"
    for way, (name, value) in before.items():
        assert after[way][1] == (value - 3.5 if name in MOMENTS else value), way


def test_what_never_was_stays_so() -> None:
    assert moved(HostState("web01", last_closed_s=5.0), 1.0) == HostState("web01", last_closed_s=6.0)
    bare = HostState("web01", incident=Incident("i", "c", "l", 1.0, 2.0))
    assert moved(bare, 1.0).incident == Incident("i", "c", "l", 2.0, 3.0)

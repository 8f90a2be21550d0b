"""What waits of all that is remembered of a host, by a clock that was set or that began anew.

Moments that people read (when a fault began, was confirmed, told, recovered) are what a clock said then. They are never changed.
"""

from dataclasses import fields, is_dataclass, replace
from typing import Any

from domain.changed import changed
from domain.runs import deadline_s
from domain.state import Behind, CheckState, Fault, HostState, Incident, RunRef
from domain.work import UNSEEN_NOTICE_S, VERIFY_GRACE_S

WAITS = frozenset(
    {
        "evidence_since_s",
        "clock_from_s",
        "deadline_s",
        "unseen_notice_s",
        "verify_until_s",
        "next_at_s",
        "last_closed_s",
        "cured_s",
        "worked_s",
        "back_s",
        "changes",
        "occurred",
    }
)
"""Names of the moments that something waits for, or from which it waits."""


def moved(state: HostState, by_s: float) -> HostState:
    """The clock was set by ``by_s``: all that waits goes on as long as it would have. The open incident remembers it, as the
    time between two moments before and after is no length any more."""
    after: HostState = _moved("", state, by_s)
    return after if after.incident is None else changed(after, incident=changed(after.incident, clock_set=True))


def _moved(name: str, value: Any, by_s: float) -> Any:
    if isinstance(value, tuple):
        return tuple(_moved(name, item, by_s) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{item.name: _moved(item.name, getattr(value, item.name), by_s) for item in fields(value)})
    return value + by_s if name in WAITS and value is not None else value


def renewed(state: HostState, now_s: float) -> HostState:
    """The machine began anew, and nothing tells how long it was off, nor whether its clock is what it was: every wait begins
    anew, and a page is due at once. Of what only looks back (cool-down, flapping) nothing lies in the future."""
    return changed(
        state,
        checks=tuple(_check_anew(check, now_s) for check in state.checks),
        incident=_incident_anew(state.incident, now_s) if state.incident is not None else None,
        last_closed_s=min(state.last_closed_s, now_s),
        cures=tuple(replace(cure, cured_s=min(cure.cured_s, now_s)) for cure in state.cures),
        asked=_run_anew(state.asked, now_s),
        worked_s=min(state.worked_s, now_s) if state.worked_s is not None else None,
        behind=_behind_anew(state.behind, now_s),
        back_s=min(state.back_s, now_s) if state.back_s is not None else None,
    )


def _behind_anew(aside: Behind | None, now_s: float) -> Behind | None:
    return changed(aside, faults=tuple(_fault_anew(fault, now_s) for fault in aside.faults)) if aside is not None else None


def _check_anew(check: CheckState, now_s: float) -> CheckState:
    changes, occurred = (tuple(min(at_s, now_s) for at_s in times) for times in (check.changes, check.occurred))
    return replace(check, changes=changes, occurred=occurred)


def _incident_anew(incident: Incident, now_s: float) -> Incident:
    return changed(
        incident,
        faults=tuple(_fault_anew(fault, now_s) for fault in incident.faults),
        run=_run_anew(incident.run, now_s),
        unseen_notice_s=now_s + UNSEEN_NOTICE_S if incident.unseen_notice_s is not None else None,
        verify_until_s=now_s + VERIFY_GRACE_S if incident.verify_until_s is not None else None,
        page=replace(incident.page, next_at_s=now_s) if incident.page is not None else None,
    )


def _fault_anew(fault: Fault, now_s: float) -> Fault:
    return changed(
        fault,
        evidence_since_s=now_s if fault.evidence_since_s is not None else None,
        clock_from_s=now_s if fault.clock_from_s is not None else None,
    )


def _run_anew(run: RunRef | None, now_s: float) -> RunRef | None:
    return changed(run, deadline_s=deadline_s(now_s)) if run is not None else None

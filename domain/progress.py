"""What follows from the facts as they stand: tell, wait, run, hand over, close.

Run at the end of every step. It looks only at state, situation and time, so it does not matter which event brought the
facts about, and running it twice in a row does nothing the second time.
"""

from domain import escalation
from domain.changed import changed
from domain.closing import drop_unwatched, recover, settle_flapping
from domain.commands import Message
from domain.gate import Verdict
from domain.messages import page_operator, tell_customer
from domain.model import FaultClass, Level
from domain.reasons import Code
from domain.runs import lose_overdue, start_run
from domain.state import Draft, Fault, Phase
from domain.work import choose, cured_with, due_s, judge, live_faults, verifying, wait_s, worked_on

SILENT_REFUSALS = frozenset(
    {Code.GATE_STOP_FILE, Code.GATE_HOLD_ALL, Code.GATE_HOLD, Code.GATE_PAUSE, Code.GATE_NOT_COVERED, Code.GATE_BUSY}
)
"""Refusals after which nobody is called: a person stopped it or is at work, or the customer bought no recovery."""


def progress(draft: Draft) -> None:
    """Bring the open incident as far as it goes now."""
    lose_overdue(draft)
    if draft.open_incident is None:
        return
    settle_flapping(draft)
    if drop_unwatched(draft):
        return
    if not draft.incident.faults:
        recover(draft)
        return
    _run_clocks(draft)
    live = live_faults(draft)
    if not live:
        return
    _tell(draft, live)
    _tell_failure(draft, live)
    _act(draft, live)
    _page(draft)


def _run_clocks(draft: Draft) -> None:
    """A fault counts towards acting while it is neither in a pause nor out of the watcher's sight (R20, R51)."""
    spoken_of = draft.incident.phase is Phase.OPEN and wait_s(draft) > 0
    for fault in draft.incident.faults:
        counts = fault.evidence_since_s is not None and draft.pause_of(fault.check) is None
        runs = fault.clock_from_s is not None and fault.clock_from_s <= draft.now_s  # else the clock was set back
        if counts is runs:
            continue
        after = changed(fault, clock_from_s=draft.now_s if counts else None)
        draft.put(draft.incident.with_fault(after))
        if fault.fault_class is FaultClass.SERVER and spoken_of and counts:
            draft.because(Code.CLOCK_STARTED, check=fault.check, due_s=due_s(draft, (after,)), wait_s=wait_s(draft))
        elif fault.fault_class is FaultClass.SERVER and spoken_of:
            draft.because(Code.CLOCK_STOPPED, check=fault.check)


def _tell(draft: Draft, live: tuple[Fault, ...]) -> None:
    """Faults, raised and lowered levels (R2, R4); flapping once (C54)."""
    for fault in live:
        if fault.flapping and not fault.flapping_told:
            rule = draft.situation.policy.limits.flapping
            _mark_told(draft, (fault,), max(draft.incident.told_level or fault.level, fault.level), flapping=True)
            tell_customer(draft, Message.FLAPPING, (fault,), changes=rule.changes + 1, window_s=rule.window_s)
            draft.because(Code.FLAPPING, check=fault.check, changes=rule.changes + 1, window_s=rule.window_s)
            live = live_faults(draft)
    fresh = tuple(fault for fault in live if fault.known and not fault.told)
    if fresh:
        _tell_fresh(draft, live, fresh)
    else:
        _tell_lowered(draft, live)


def _tell_fresh(draft: Draft, live: tuple[Fault, ...], fresh: tuple[Fault, ...]) -> None:
    before = draft.incident.told_level
    services = {fault.service for fault in live if fault.told and fault.service is not None}
    level = _level(draft, live, fresh)
    _mark_told(draft, fresh, level)
    if before is not None and level != before:
        _tell_level(draft, before, fresh if level > before else tuple(fault for fault in live if fault.told or fault in fresh))
        return
    other = tuple(fault for fault in fresh if fault.service not in services)
    for fault in fresh:
        if fault not in other:
            draft.because(Code.SAME_SERVICE, check=fault.check, service=fault.service)
    if other:
        tell_customer(draft, Message.FAULT, other)
        draft.because(Code.FAULT_TOLD, level=int(level), faults=tuple(fault.check for fault in other))


def _tell_lowered(draft: Draft, live: tuple[Fault, ...]) -> None:
    before, told = draft.incident.told_level, tuple(fault for fault in live if fault.told)
    if before is None or not told:
        return
    level = _level(draft, live, ())
    if level < before:
        draft.update(told_level=level)
        _tell_level(draft, before, told)


def _tell_level(draft: Draft, before: Level, faults: tuple[Fault, ...]) -> None:
    """A raised or lowered level is a new mail (R4)."""
    level = max(fault.level for fault in faults)
    tell_customer(draft, Message.LEVEL_CHANGE, faults, previous_level=int(before))
    draft.because(Code.LEVEL_TOLD, level=int(level), previous_level=int(before))


def _level(draft: Draft, live: tuple[Fault, ...], fresh: tuple[Fault, ...]) -> Level:
    """The level of all that is told or about to be; what a pause hides does not lower it (R51)."""
    incident = draft.incident
    hidden = [incident.told_level] if incident.told_level is not None and len(live) != len(incident.faults) else []
    return max([*hidden, *(fault.level for fault in live if fault.told or fault in fresh)])


def _tell_failure(draft: Draft, live: tuple[Fault, ...]) -> None:
    """The first line ended without success: say so, and hand over (R25)."""
    incident = draft.incident
    if incident.failed is None or not incident.announced:
        return
    code = incident.failed
    draft.update(failed=None)
    hand_over(draft, code)
    tell_customer(draft, Message.NOT_RECOVERED, live, acted=draft.incident.acted, outcome=draft.incident.outcome, reason=str(code))
    draft.because(Code.NOT_RECOVERED_TOLD, reason=str(code))


def _act(draft: Draft, live: tuple[Fault, ...]) -> None:
    """Start the procedure when its time has come and the gate lets it (R20, R22)."""
    incident = draft.incident
    if incident.run is not None or incident.phase is Phase.HANDED or not incident.announced:
        return
    worked = worked_on(live)
    if not worked or any(fault.evidence_since_s is None for fault in worked):
        return
    if verifying(incident, draft.now_s) or draft.now_s < due_s(draft, worked):
        return
    fault = choose(incident, worked)
    verdict = judge(draft, fault)
    if verdict.allowed:
        start_run(draft, fault, worked)
    elif verdict.code is not incident.refused:
        _refuse(draft, fault, worked, verdict)


def _refuse(draft: Draft, fault: Fault, worked: tuple[Fault, ...], verdict: Verdict) -> None:
    """Record once why nothing is done, and call people where nobody knows (R25)."""
    incident, host, code = draft.incident, draft.situation.host, verdict.code
    draft.update(refused=code)
    draft.because(code, **verdict.facts, incident=incident.id, check=fault.check)
    if code is Code.GATE_MODE_SHADOW and host is not None:
        checks = cured_with(fault, worked)
        draft.because(Code.WOULD_RUN, runbook=host.procedures[fault.fault_class], service=fault.service, faults=checks)
    if code in SILENT_REFUSALS:
        return
    hand_over(draft, code)
    if code is Code.GATE_TRIED and incident.outcome is not None:  # the customer knows of work, which did not help
        draft.update(failed=code)
        _tell_failure(draft, live_faults(draft))


def hand_over(draft: Draft, code: Code) -> None:
    """To people: somebody is paged until it is acknowledged (R25)."""
    incident = draft.incident
    if incident.phase is Phase.HANDED:
        return
    page = escalation.Page(str(code), next_at_s=draft.now_s)
    draft.update(phase=Phase.HANDED, page=page)
    draft.because(Code.HANDED_OVER, incident=incident.id, reason=str(code))


def _page(draft: Draft) -> None:
    incident = draft.incident
    if incident.page is None or incident.acknowledged_by is not None:
        return
    due = escalation.next_page(incident.page, draft.situation.policy.on_call, draft.now_s)
    if due is None:
        return
    page, operator = due
    told_before = incident.page.told
    draft.update(page=page)
    page_operator(draft, operator, told_before)
    draft.because(Code.PAGED, recipient=operator, round=told_before, reason=incident.page.code)


def _mark_told(draft: Draft, faults: tuple[Fault, ...], level: Level, *, flapping: bool = False) -> None:
    """From now on the customer knows of these faults, and of this level."""
    incident = draft.incident
    checks = {fault.check for fault in faults}
    draft.update(
        faults=tuple(
            changed(fault, told=True, flapping_told=fault.flapping_told or flapping) if fault.check in checks else fault
            for fault in incident.faults
        ),
        told_level=level,
        told_at_s=incident.told_at_s or draft.now_s,
        ever_told=True,
    )

"""What follows from the facts as they stand: tell, wait, run, hand over, close.

Run at the end of every step. It looks only at state, situation and time, so it does not matter which event brought the
facts about, and running it twice in a row does nothing the second time.
"""

from dataclasses import replace
from operator import is_not

from domain import behind, escalation, own_work
from domain.changed import changed
from domain.closing import drop_unwatched, left_in_sight, recover, settle_flapping
from domain.commands import Fact, Message
from domain.earned import heed
from domain.gate import HELD, MASS_OUTAGE, SHADOW, Verdict
from domain.mass import is_segment
from domain.messages import notice_operators, page_operator, tell_customer
from domain.model import FaultClass, Level
from domain.reasons import Code
from domain.runs import lose_overdue, start_run
from domain.state import Ahead, Draft, Fault, Phase, worst_of
from domain.work import (
    UNSEEN_NOTICE_S,
    VERIFY_GRACE_S,
    choose,
    covered,
    cured_with,
    due_s,
    in_sight,
    judge,
    live_faults,
    look_ahead,
    verifying,
    wait_s,
    worked_on,
)

NOBODY_IS_CALLED = HELD | {
    Code.GATE_PAUSE,
    Code.GATE_NOT_COVERED,
    Code.GATE_UNKNOWN,
    Code.GATE_BUSY,
    Code.GATE_MASS_OUTAGE,
    Code.GATE_PARENT_DOWN,
}
"""Refusals after which nobody is paged: a person stopped it or is at work, the customer bought no recovery, or it may pass. Of what
is held or out of sight operators get a notice."""


def progress(draft: Draft) -> None:
    """Bring the open incident as far as it goes now."""
    lose_overdue(draft)
    if draft.open_incident is None:
        return
    if is_segment(draft.host):
        _page(draft)
        return
    if drop_unwatched(draft):
        return
    settle_flapping(draft)
    if draft.rescue and draft.incident.recovered_at_s is not None:
        draft.update(recovered_at_s=None)
    if not draft.incident.faults and not draft.stranded:
        recover(draft)
        return
    _run_clocks(draft)
    live = live_faults(draft)
    if not live and not left_in_sight(draft):
        return
    draft.ahead = _ours(draft, live)
    _tell(draft, live)
    _tell_failure(draft, live)
    if draft.stranded:
        _leave_to_people(draft)
    _act(draft)
    _rehearse(draft, live)
    _page(draft)


def _leave_to_people(draft: Draft) -> None:
    """Whatever else they were called for: first it has to leave its rescue system (R24)."""
    page = draft.incident.page
    if page is None:
        hand_over(draft, Code.IN_RESCUE)
    elif page.code != Code.IN_RESCUE:
        draft.update(page=replace(page, code=str(Code.IN_RESCUE)))


def _ours(draft: Draft, live: tuple[Fault, ...]) -> Ahead | None:
    """What is worked on next, unless a run or people are at work, or a run's effect is waited for. Telling of it does not change
    the answer, so what is promised is what is done."""
    incident = draft.incident
    if incident.run is not None or incident.phase is Phase.HANDED or verifying(incident, draft.now_s):
        return None
    return look_ahead(draft, live)


def _run_clocks(draft: Draft) -> None:
    """A fault counts towards acting while it is in no pause, in the watcher's sight, and neither our doing nor a parent's (R20,
    R51, R24, C53)."""
    faults = tuple([_run_clock(draft, fault) for fault in draft.incident.faults])
    if any(map(is_not, faults, draft.incident.faults)):
        draft.update(faults=faults)


def _counts(draft: Draft, fault: Fault) -> bool:
    if fault.evidence_since_s is None or draft.pause_of(fault.check) is not None:
        return False
    return not own_work.ours(draft, fault) and not behind.blocks(draft, fault)


def _run_clock(draft: Draft, fault: Fault) -> Fault:
    counts = _counts(draft, fault)
    if counts is (fault.clock_from_s is not None):
        return fault
    after = changed(fault, clock_from_s=draft.now_s if counts else None)
    if fault.fault_class is FaultClass.SERVER and draft.incident.phase is Phase.OPEN and wait_s(draft) > 0:
        if counts:
            draft.because(Code.CLOCK_STARTED, check=fault.check, due_s=due_s(draft, (after,)), wait_s=wait_s(draft))
        else:
            draft.because(Code.CLOCK_STOPPED, check=fault.check)
    return after


def _tell(draft: Draft, live: tuple[Fault, ...]) -> None:
    """Faults, raised and lowered levels (R2, R4); flapping once (C54)."""
    for fault in live:
        if fault.flapping and not fault.flapping_told and fault.evidence_since_s is not None:
            rule = draft.situation.policy.limits.flapping
            _mark_told(draft, (fault,), max(draft.incident.told_level or fault.level, fault.level), flapping=True)
            tell_customer(draft, Message.FLAPPING, (fault,), changes=rule.changes + 1, window_s=rule.window_s)
            draft.because(Code.FLAPPING, check=fault.check, changes=rule.changes + 1, window_s=rule.window_s)
            _tell_who_has_it(draft, Code.FLAPPING, check=fault.check, changes=rule.changes + 1, window_s=rule.window_s)
            live = live_faults(draft)
    told = tuple([fault for fault in live if fault.told])
    fresh = tuple([fault for fault in live if fault.known and not fault.told])
    if fresh:
        _tell_fresh(draft, live, told, fresh)
    elif told:
        _tell_moved(draft, live, told)


def _tell_fresh(draft: Draft, live: tuple[Fault, ...], told: tuple[Fault, ...], fresh: tuple[Fault, ...]) -> None:
    before = draft.incident.told_level
    level = _level(draft, live, told + fresh)
    _mark_told(draft, fresh, level)
    if before is not None and level != before:
        spoken_of = [fault for fault in live if fault in fresh or (fault.told and (level < before or fault.level > before))]
        _tell_level(draft, before, tuple(spoken_of))
        _tell_who_has_it(draft, Code.LEVEL_TOLD, level=int(level), previous_level=int(before))
        return
    services = {fault.service for fault in told if fault.service is not None}
    agents = {fault.detail for fault in told if _of_the_agent(draft, fault)}
    other = tuple([fault for fault in fresh if fault.service not in services and not _said(draft, fault, agents)])
    for fault in fresh:
        if fault.service in services:
            draft.because(Code.SAME_SERVICE, check=fault.check, service=fault.service)
        elif fault not in other:
            draft.because(Code.SAME_AGENT, check=fault.check, detail=fault.detail)
    if other:
        tell_customer(draft, Message.FAULT, other)
        checks = tuple([fault.check for fault in other])
        draft.because(Code.FAULT_TOLD, level=int(level), faults=checks)
        _tell_who_has_it(draft, Code.FAULT_TOLD, level=int(level), faults=checks)


def _said(draft: Draft, fault: Fault, agents: set[str]) -> bool:
    return fault.detail in agents and _of_the_agent(draft, fault)


def _of_the_agent(draft: Draft, fault: Fault) -> bool:
    """Is it no value that fails, but the SNMP agent of whom it is read? Then it says so of all readings, in the same words."""
    check = draft.situation.check(fault.check)
    return check is not None and check.snmp is not None and fault.limit is None and fault.value is None


def _tell_moved(draft: Draft, live: tuple[Fault, ...], told: tuple[Fault, ...]) -> None:
    """Nothing new fails; a value may have passed another threshold, or the worst fault be gone. What goes up and down with our own
    work is told when that is over, if it lasts."""
    if draft.at_work:
        return
    before = draft.incident.told_level
    level = _level(draft, live, told)
    if before is not None and level > before:
        draft.update(told_level=level)
        _tell_level(draft, before, tuple([fault for fault in told if fault.level > before]))
        _tell_who_has_it(draft, Code.LEVEL_TOLD, level=int(level), previous_level=int(before))
    elif before is not None and level < before and not _the_rest_may_follow(draft):
        draft.update(told_level=level)
        _tell_level(draft, before, told)


def _the_rest_may_follow(draft: Draft) -> bool:
    """What a run has just brought back comes up one by one, and is told as one recovery where it can be (R24)."""
    worked_s, now_s = draft.worked_s, draft.now_s
    return worked_s is not None and now_s < worked_s + VERIFY_GRACE_S and verifying(draft.incident, now_s)


def _tell_level(draft: Draft, before: Level, faults: tuple[Fault, ...]) -> None:
    """A raised or lowered level is a new mail (R4)."""
    level = max(fault.level for fault in faults)
    tell_customer(draft, Message.LEVEL_CHANGE, faults, previous_level=int(before))
    draft.because(Code.LEVEL_TOLD, level=int(level), previous_level=int(before))


def _tell_who_has_it(draft: Draft, code: Code, **facts: Fact) -> None:
    """Whoever has taken it is paged no more, so hears of what is new by a notice (R25)."""
    if (who := _who_has_it(draft)) is not None:
        notice_operators(draft, code, only=who, **facts)


def _who_has_it(draft: Draft) -> tuple[str, ...] | None:
    """The operator who took it, and so hears in place of all others; ``None`` where nobody has."""
    who = draft.incident.acknowledged_by
    return (who,) if who is not None and who in draft.situation.policy.operators else None


def _level(draft: Draft, live: tuple[Fault, ...], spoken_of: tuple[Fault, ...]) -> Level:
    """The level of all that is told or about to be; what a pause hides does not lower it (R51)."""
    incident = draft.incident
    levels = [fault.level for fault in spoken_of]
    if incident.told_level is not None and len(live) != len(incident.faults):
        levels.append(incident.told_level)
    return max(levels)


def _tell_failure(draft: Draft, live: tuple[Fault, ...]) -> None:
    """The first line ended without success: say so, and hand over (R25)."""
    incident = draft.incident
    if incident.failed is None or not incident.announced:
        return
    code = incident.failed
    draft.update(failed=None, settled=False)  # it is spoken of again, so its end is told once more
    hand_over(draft, code)
    tell_customer(draft, Message.NOT_RECOVERED, live, acted=draft.incident.acted, outcome=draft.incident.outcome, reason=str(code))
    draft.because(Code.NOT_RECOVERED_TOLD, reason=str(code))


def _act(draft: Draft) -> None:
    """Start the procedure when its time has come and the gate lets it (R20, R22). What is out of sight is left out, and with
    nothing else to work on it is not acted on at all (C52)."""
    incident, ahead = draft.incident, draft.ahead
    if ahead is None or incident.phase is Phase.HANDED or not incident.announced:
        return
    if ahead.waits:
        if incident.refused is not None:
            draft.update(refused=None, unseen_notice_s=None)
    elif ahead.verdict.allowed:
        start_run(draft, ahead.fault, ahead.seen)
    else:
        if ahead.verdict.code is not incident.refused:
            _refuse(draft, ahead.fault, ahead.verdict)
        _notice_untouched(draft, ahead.fault, ahead.faults, ahead.verdict.code)


def _refuse(draft: Draft, fault: Fault, verdict: Verdict) -> None:
    """Record once why nothing is done, and call people where nobody knows (R25)."""
    incident, code = draft.incident, verdict.code
    unseen_s = draft.now_s + UNSEEN_NOTICE_S if code is Code.GATE_UNKNOWN else None
    draft.update(refused=code, unseen_notice_s=unseen_s)
    draft.because(code, **verdict.facts, incident=incident.id, check=fault.check)
    if code in NOBODY_IS_CALLED:
        return
    if code is Code.GATE_TRIED:
        heed(draft, fault.check)
    if code is Code.GATE_TRIED and incident.outcome is not None:  # the customer knows of work, which did not help
        draft.update(failed=code)
        _tell_failure(draft, live_faults(draft))
    else:
        hand_over(draft, code)


def _notice_untouched(draft: Draft, fault: Fault, faults: tuple[Fault, ...], code: Code) -> None:
    """Operators hear of what was announced and is left alone: under a hold at once, and again at a higher level (R26); out of
    sight when it has been so for a while (C52)."""
    incident, level = draft.incident, max(item.level for item in faults)
    checks = tuple(item.check for item in faults)
    if code in HELD and covered(draft, fault) and (incident.held_level is None or level > incident.held_level):
        draft.update(held_level=level)
        draft.because(Code.NOT_WORKED_ON, faults=checks, level=int(level))
        notice_operators(draft, Code.NOT_WORKED_ON, only=_who_has_it(draft), faults=checks, level=int(level))
    at_s = incident.unseen_notice_s
    if at_s is not None and draft.now_s >= at_s:
        draft.update(unseen_notice_s=None)
        draft.because(Code.OUT_OF_SIGHT, faults=checks)
        notice_operators(draft, Code.OUT_OF_SIGHT, only=_who_has_it(draft), faults=checks)


def _rehearse(draft: Draft, live: tuple[Fault, ...]) -> None:
    """In shadow, be it the mode's or the runbook's own, record what would have been done when it would have been: people have it by
    then (R26)."""
    incident, host = draft.incident, draft.situation.host
    if incident.refused not in SHADOW or incident.rehearsed or incident.run is not None or host is None:
        return
    seen = in_sight(worked_on(live))
    if not seen or draft.now_s < due_s(draft, seen):
        return
    fault = choose(incident, seen)
    if judge(draft, fault).code in SHADOW:
        draft.update(rehearsed=True)
        checks = cured_with(draft, fault, seen)
        draft.because(Code.WOULD_RUN, runbook=host.procedures[fault.fault_class], service=fault.service, faults=checks)


def hand_over(draft: Draft, code: Code) -> None:
    """To people: somebody is paged until it is acknowledged; who has it already is told (R25)."""
    incident = draft.incident
    _tell_who_has_it(draft, code, outcome_detail=incident.outcome_detail)
    if incident.phase is Phase.HANDED:
        return
    page = escalation.Page(str(code), next_at_s=draft.now_s, asked=incident.serial)
    draft.update(phase=Phase.HANDED, page=page, unseen_notice_s=None)
    draft.because(Code.HANDED_OVER, incident=incident.id, reason=str(code))


def _page(draft: Draft) -> None:
    _resume(draft)
    page = draft.incident.page
    if page is None or draft.incident.acknowledged_by is not None:
        return
    if page.code == Code.IN_RESCUE and not draft.rescue:
        page = replace(page, code=str(Code.HANDED_OVER))
    if page.code in MASS_OUTAGE and draft.situation.outage_until_s is not None:
        return  # the outage itself pages people; what is left of it afterwards does so for itself
    due = escalation.next_page(page, draft.situation.policy.on_call, draft.now_s)
    if due is None:
        return
    paged, operator = due
    draft.update(page=paged)
    page_operator(draft, operator, page.told)
    draft.because(Code.PAGED, recipient=operator, round=page.told, reason=page.code)


def _resume(draft: Draft) -> None:
    """Somebody who has left can't have it: paging begins anew."""
    incident, page = draft.incident, draft.incident.page
    if page is None or incident.acknowledged_by is None or incident.acknowledged_by in draft.situation.policy.operators:
        return
    draft.because(Code.ACKNOWLEDGER_LEFT, incident=incident.id, by=incident.acknowledged_by)
    draft.update(acknowledged_by=None, page=replace(page, told=0, next_at_s=draft.now_s))


def _mark_told(draft: Draft, faults: tuple[Fault, ...], level: Level, *, flapping: bool = False) -> None:
    """From now on the customer knows of these faults, and of this level."""
    incident = draft.incident
    checks = {fault.check for fault in faults}
    after = tuple(
        [
            changed(fault, told=True, flapping_told=fault.flapping_told or flapping) if fault.check in checks else fault
            for fault in incident.faults
        ]
    )
    if draft.worked_s is not None:  # one that outlasts our work takes part from now on
        draft.update(seen=tuple(sorted({*incident.seen, *checks})), worst=worst_of(own_work.not_ours(draft, after)))
    draft.update(
        faults=after,
        told_level=level,
        told_at_s=incident.told_at_s or draft.now_s,
        ever_told=True,
    )

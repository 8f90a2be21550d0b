"""How an incident ends: recovered, settled, or no longer watched. What was announced ends told."""

from domain import flapping
from domain.changed import changed
from domain.commands import Message, Report
from domain.facts import Next
from domain.messages import all_clear, notice_operators, tell_customer
from domain.observation import Verdict
from domain.reasons import Code
from domain.state import CheckState, Draft, Fault, Phase
from domain.work import verifying

FOR_PEOPLE = frozenset({Code.RUN_UNKNOWN, Code.RUN_LOST})
"""Ends of a run after which a person has to look at the host, though its fault is gone: where a pause or silence kept them from
being told, they are when the incident closes (R26)."""


def drop_unwatched(draft: Draft) -> bool:
    """The host or checks left the inventory: their faults leave the incident, and an announced incident that has no other
    is told as no longer watched. What is in a pause waits for its end (R51). True: the incident is closed.

    A host that came to another customer has left its former one: that incident ends at once, as today's pauses are not that
    customer's. What still fails is told to the new one when the watcher, which begins anew, has confirmed it.
    """
    if draft.moved:
        draft.update(faults=())
        _close_unwatched(draft, Code.HOST_MOVED)
        return True
    if draft.situation.host is None and not draft.incident.faults and left_in_sight(draft):
        _close_unwatched(draft, Code.HOST_REMOVED)
        return True
    watched = draft.situation.check
    gone = [fault for fault in draft.incident.faults if watched(fault.check) is None and draft.pause_of(fault.check) is None]
    if not gone:
        return False
    for fault in gone:
        draft.open_incident = draft.incident.without_fault(fault.check)
    if draft.incident.faults:
        draft.because(Code.CHECK_REMOVED, faults=tuple(fault.check for fault in gone))
        return False
    _close_unwatched(draft, Code.HOST_REMOVED if draft.situation.host is None else Code.CHECK_REMOVED)
    return True


def left_in_sight(draft: Draft) -> bool:
    """Also without any fault to tell of: is it left in its rescue system, and not all of it in a pause (R24, R51)?"""
    return draft.stranded and any(draft.pause_of(check) is None for check in draft.incident.seen)


def _close_unwatched(draft: Draft, code: Code) -> None:
    incident = draft.incident
    draft.because(code, incident=incident.id)
    if draft.stranded:
        notice_operators(draft, Code.IN_RESCUE)
    if incident.run is not None:  # it may have acted by now, so its end is waited for, and its target is not tried again
        draft.asked = incident.run
        draft.update(tried=(*incident.tried, incident.run.target))
    if incident.announced:
        faults = (incident.worst,) if incident.worst is not None else ()
        tell_customer(draft, Message.WATCH_ENDED, faults, next=str(Next.WATCH))
        notice_operators(draft, code)
    _close(draft)


def settle_flapping(draft: Draft) -> None:
    """A flapping check that has kept its verdict long enough is told as settled, as what it is now (C54). Of several at once the
    first is told when all have settled: what follows is said of what is left."""
    rule = draft.situation.policy.limits.flapping
    told = [
        settled
        for check in draft.checks
        # one that the watcher cannot judge now has settled as nothing
        if check.flapping and check.verdict is not Verdict.UNKNOWN and draft.now_s >= flapping.settles_at_s(rule, check.changes)
        if (settled := _settle(draft, check)) is not None
    ]
    for fault, recovered_at_s in told:
        tell_customer(draft, Message.SETTLED, (fault,), recovered_at_s=recovered_at_s)


def _settle(draft: Draft, check: CheckState) -> tuple[Fault, float | None] | None:
    """The fault to be told as settled, and since when it is gone; ``None`` where nobody knows it as flapping, or in a pause."""
    fault = draft.incident.fault(check.check)
    told = fault is not None and fault.flapping_told
    if told and draft.pause_of(check.check) is not None:
        return None  # told when the pause ends
    draft.remember(changed(check, flapping=False, changes=()))
    draft.because(Code.SETTLED, check=check.check)
    if fault is None:
        return None
    after = changed(fault, flapping=False, flapping_told=False)
    incident = draft.incident.without_fault(fault.check) if fault.up else draft.incident.with_fault(after)
    recovered_at_s = (incident.recovered_at_s or draft.now_s) if fault.up else None
    if not incident.faults:
        incident = changed(incident, recovered_at_s=recovered_at_s, settled=told)
    draft.open_incident = incident
    return (after, recovered_at_s) if told else None


def recover(draft: Draft) -> None:
    """Nothing fails any more: tell it, once, unless a pause holds it back (R4, R24, R51)."""
    incident = draft.incident
    if incident.run is not None or draft.rescue:
        return  # its end is part of the story, and so is that of an operator's run that has the rescue system booted (R24)
    if incident.recovered_at_s is None:  # its own system was booted, and by now something would have been seen to fail
        if verifying(incident, draft.now_s):
            return
        incident = draft.update(recovered_at_s=draft.now_s)
    if not incident.announced:
        draft.because(Code.RECOVERED_SILENTLY, incident=incident.id)
        _close(draft)
        return
    if all(draft.pause_of(check) is not None for check in incident.seen):
        if not incident.held_back:
            draft.update(held_back=True)
            draft.because(Code.RECOVERY_HELD_BACK, incident=incident.id)
        return
    if not incident.settled:
        faults = (incident.worst,) if incident.worst is not None else ()
        tell_customer(draft, Message.RECOVERED, faults, acted=incident.acted, outcome=incident.outcome)
    called = incident.page.paged if incident.page is not None else ()
    people = dict.fromkeys((*called, incident.acknowledged_by))
    operators = draft.situation.policy.operators
    all_clear(draft, tuple(who for who in people if who is not None and who in operators))
    draft.because(Code.RECOVERED, incident=incident.id, acted=incident.acted)
    serial = draft.update(serial=draft.incident.serial + 1).serial
    draft.commands.append(
        Report(key=f"{incident.id}/{serial}/report", incident=incident.id, host=draft.host, prefer=incident.performer)
    )
    draft.because(Code.REPORT_ASKED, incident=incident.id)
    _close(draft)


def _close(draft: Draft) -> None:
    incident = draft.incident
    if incident.failed in FOR_PEOPLE:
        notice_operators(draft, incident.failed, outcome_detail=incident.outcome_detail)
    draft.last = changed(draft.incident, phase=Phase.CLOSED, page=None, run=None)
    draft.last_closed_s = draft.now_s
    draft.open_incident = None

"""A check is confirmed to fail: its fault opens an incident, joins one, or is put aside as its parent's doing (C53)."""

from dataclasses import replace

from domain import behind, own_work
from domain import events as ev
from domain.changed import changed
from domain.earned import heed
from domain.model import Check, FaultClass, Level
from domain.reasons import Code
from domain.state import Draft, Fault, Incident, Phase, worst_of

_NO_INCIDENT = Incident(id="", customer="", label="", fault_at_s=0.0, opened_at_s=0.0)
_NO_FAULT = Fault("", Level.WARNING, FaultClass.RESOURCE, None, fault_at_s=0.0, confirmed_at_s=0.0, evidence_since_s=None)
"""A changed copy costs an eighth of what a frozen dataclass of so many fields costs to make."""


def on_down(draft: Draft, check: Check, event: ev.VerdictChanged, flaps: bool) -> None:
    """A check is confirmed to fail, or what is known to fail is heard of anew."""
    incident = draft.open_incident
    before, evidence_s = incident.fault(check.id) if incident is not None else None, _evidence_s(draft, event)
    if before is not None:
        event = _as_read_last(draft, before, event, evidence_s)
        after = changed(_failing_still(draft, check, before, event), evidence_since_s=evidence_s, flapping=flaps)
        _join(draft, after, _failed_at_s(event))
        return
    fault = new_fault(draft, check, event, flaps)
    if not own_work.ours(draft, fault) and behind.doubted(draft, fault):
        behind.keep(draft, fault)
    else:
        behind.forget(draft, check.id)
        take_up(draft, fault)


def _as_read_last(draft: Draft, before: Fault, event: ev.VerdictChanged, evidence_s: float) -> ev.VerdictChanged:
    """A value that can't be had as a parent is down is as bad as it was: neither a level nor a return of it is news (C53)."""
    lost = before.limit is not None and event.limit is None and before.fault_class is FaultClass.RESOURCE
    if not lost or not behind.holds_back(draft, changed(before, evidence_since_s=evidence_s)):
        return event
    over = draft.situation.above
    parent, incident = (over.named, over.incident) if over is not None else ("", "")
    draft.because(Code.BEHIND_PARENT, check=before.check, parent=parent, incident=incident, detail=event.detail)
    return replace(event, limit=before.limit, value=before.value, detail=before.detail)


def take_up(draft: Draft, fault: Fault) -> None:
    """A fault that nobody knew of opens an incident, or joins the one that is open."""
    incident, ours = draft.open_incident, own_work.ours(draft, fault)
    if incident is None:
        _open(draft, fault)
    elif incident.faults and not ours:
        draft.because(Code.JOINED, incident=incident.id, check=fault.check, level=int(fault.level), detail=fault.detail)
    if ours:
        draft.because(Code.OWN_WORK, incident=draft.incident.id, check=fault.check, detail=fault.detail)
    if incident is not None:
        _join(draft, fault, fault.fault_at_s)
    heed(draft, fault.check)


def _join(draft: Draft, fault: Fault, fault_at_s: float) -> None:
    incident, ours = draft.incident, own_work.ours(draft, fault)
    faults = incident.faults_with(fault)
    draft.update(
        faults=faults,
        fault_at_s=min(incident.fault_at_s, fault_at_s) if incident.faults or incident.run is not None else fault_at_s,
        seen=tuple(sorted({*incident.seen, fault.check})) if not ours else incident.seen,
        worst=worst_of(own_work.not_ours(draft, faults)) if not ours else incident.worst,
        recovered_at_s=None,
        held_back=False,
        settled=False,
    )


def _failing_still(draft: Draft, check: Check, before: Fault, event: ev.VerdictChanged) -> Fault:
    """It passes another level's limit, or its evidence begins anew, and then the time until we act does too."""
    level = _level(check, event)
    if level is not before.level:
        levels = {"level": int(level), "previous_level": int(before.level)}
        draft.because(Code.LEVEL_CHANGED, incident=draft.incident.id, check=check.id, detail=event.detail, **levels)
    lasts = event.evidence_since_s == before.evidence_since_s and not before.up
    if not lasts:
        draft.because(Code.EVIDENCE_RESTARTED, incident=draft.incident.id, check=check.id)
    return changed(
        before,
        level=level,
        fault_class=fault_class(check, told_only=event.told_only),
        limit=event.limit,
        detail=event.detail,
        value=event.value,
        clock_from_s=before.clock_from_s if lasts else None,
        told=before.told and not _is_news(before, event),
        up=False,
        told_only=event.told_only,
    )


def _is_news(before: Fault, event: ev.VerdictChanged) -> bool:
    """What is worked on now, and was not; and a value that fails where before none could be had."""
    return (before.told_only and not event.told_only) or (before.limit is None and event.limit is not None)


def _level(check: Check, event: ev.VerdictChanged) -> Level:
    return event.limit.level if event.limit is not None else check.level


def fault_class(check: Check, *, told_only: bool) -> FaultClass:
    """What says nothing about the host is told as a resource is, and never worked on (C50)."""
    return FaultClass.RESOURCE if told_only else check.fault_class


def _evidence_s(draft: Draft, event: ev.VerdictChanged) -> float:
    return min(event.evidence_since_s if event.evidence_since_s is not None else event.at_s, draft.now_s)


def new_fault(draft: Draft, check: Check, event: ev.VerdictChanged, flaps: bool) -> Fault:
    """What this event says to fail, as nothing that is known yet."""
    return changed(
        _NO_FAULT,
        check=check.id,
        level=_level(check, event),
        fault_class=fault_class(check, told_only=event.told_only),
        service=check.service,
        fault_at_s=_failed_at_s(event),
        confirmed_at_s=event.at_s,
        evidence_since_s=_evidence_s(draft, event),
        detail=event.detail,
        value=event.value,
        limit=event.limit,
        flapping=flaps,
        told_only=event.told_only,
    )


def _failed_at_s(event: ev.VerdictChanged) -> float:
    return event.fault_at_s if event.fault_at_s is not None else event.at_s


def _open(draft: Draft, fault: Fault) -> None:
    """Open an incident, or reopen the last one when the fault came back within the cool-down (R26)."""
    last, situation, now_s = draft.last, draft.situation, draft.now_s
    owner = draft.customer.id if draft.customer is not None else ""
    if (
        last is not None
        and last.ever_told
        and last.customer == owner
        and now_s - draft.last_closed_s < situation.policy.limits.cool_down_s
    ):
        _reopen(draft, last, fault)
        return
    draft.open_incident = changed(
        _NO_INCIDENT,
        id=situation.new_id,
        customer=owner,
        label=situation.host.label if situation.host is not None else draft.host,
        fault_at_s=fault.fault_at_s,
        opened_at_s=now_s,
        faults=(fault,),
        seen=(fault.check,),
        worst=fault,
    )
    pause = draft.pause_of(fault.check)
    if pause is not None:
        draft.because(Code.OPENED_IN_PAUSE, incident=situation.new_id, check=fault.check, pause=pause[0], until_s=pause[1])
    else:
        draft.because(Code.OPENED, incident=situation.new_id, check=fault.check, level=int(fault.level))


def _reopen(draft: Draft, last: Incident, fault: Fault) -> None:
    draft.open_incident = changed(
        last,
        fault_at_s=fault.fault_at_s,
        faults=(fault,),
        phase=Phase.OPEN,
        seen=(fault.check,),
        worst=fault,
        told_level=None,
        told_at_s=None,
        refused=None,
        held_level=None,
        unseen_notice_s=None,
        rehearsed=False,
        failed=None,
        acted=False,
        outcome=None,
        outcome_detail="",
        performer=None,
        acknowledged_by=None,
        recovered_at_s=None,
        held_back=False,
        settled=False,
        verify_until_s=None,
        clock_set=False,
    )
    draft.last = None
    draft.because(Code.REOPENED, incident=last.id, check=fault.check)

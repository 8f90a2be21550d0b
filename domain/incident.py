"""THE machine: one event into one decision. See ``docs/architecture.md`` for its picture.

``step`` first lets the event change the facts, then lets ``progress`` draw the consequences. It is total: any event in
any state gives a decision with at least one reason, and an event that is late, doubled or about nothing changes nothing.
"""

from domain import behind, failing, flapping, mass, own_work
from domain import events as ev
from domain.changed import changed
from domain.commands import Message
from domain.messages import notice_operators
from domain.model import Check
from domain.observation import Verdict
from domain.occurrence import on_occurred
from domain.progress import progress
from domain.reasons import Code
from domain.runs import on_own_system, on_run_ended, on_run_requested, on_work_announced
from domain.state import CheckState, Decision, Draft, Fault, HostState, Incident, Situation

_UNHEARD = CheckState("", Verdict.UP)


def step(state: HostState, event: ev.Event, situation: Situation, now_s: float) -> Decision:
    """Decide what one event means for one host. ``now_s`` is the engine's time; an event's own times are for reports."""
    draft = Draft(state, situation, now_s, event.id)
    _apply(draft, event)
    for fault in behind.released(draft):
        _take_up(draft, fault)
    progress(draft)
    if not draft.reasons:
        draft.because(Code.NO_CHANGE)
    decision = draft.decision()
    if state.incident is not None and situation.host is not None and behind.is_back(situation.host, state, decision.state):
        return decision._replace(state=changed(decision.state, back_s=now_s))
    return decision


def _apply(draft: Draft, event: ev.Event) -> None:  # noqa: PLR0912 - one branch for each sort of event
    match event:
        case ev.VerdictChanged():
            _on_verdict(draft, event)
        case ev.Occurred():
            on_occurred(draft, event)
        case ev.EvidenceLost():
            _on_evidence_lost(draft)
        case ev.WorkAnnounced():
            on_work_announced(draft, event)
        case ev.RunEnded():
            on_run_ended(draft, event)
        case ev.RunRequested():
            on_run_requested(draft, event)
        case ev.OwnSystemRuns():
            on_own_system(draft, event)
        case ev.Acknowledged():
            _on_acknowledged(draft, event)
        case ev.PolicyChanged():
            _on_policy_changed(draft, event)
        case ev.MassOutageBegan():
            mass.on_began(draft, event)
        case ev.MassOutageEnded():
            mass.on_ended(draft, event)
        case ev.TimerFired():
            pass  # only the consequences of time
        case _:
            _on_record(draft, event)


def _on_verdict(draft: Draft, event: ev.VerdictChanged) -> None:
    check = draft.situation.check(event.check)
    if check is None:
        draft.because(Code.NOT_WATCHED, check=event.check)
        return
    known = draft.before.check(check.id) or _UNHEARD
    if event.order is not None and known.order is not None and event.order <= known.order:
        draft.because(Code.STALE, check=check.id)
        return
    heard = _heard(draft, check, known, event)
    draft.remember(heard)
    match event.verdict:
        case Verdict.UP:
            if behind.fault_of(draft, check.id) is not None:
                draft.because(Code.CLEARED, check=check.id)
                behind.forget(draft, check.id)
            _clear(draft, check, event, heard.flapping)
        case Verdict.UNKNOWN:
            _lose_evidence(draft, check.id, event.detail)
        case Verdict.DOWN:
            failing.on_down(draft, check, event, heard.flapping)


def _heard(draft: Draft, check: Check, known: CheckState, event: ev.VerdictChanged) -> CheckState:
    """Remember the verdict; count its change towards flapping unless it happened in a pause or was our doing (C54, R51, R24)."""
    rule = draft.situation.policy.limits.flapping
    changes = flapping.remembered(rule, known.changes, draft.now_s)
    turned = Verdict.UNKNOWN not in (event.verdict, known.verdict) and event.verdict is not known.verdict
    if turned and draft.pause_of(check.id) is None and not _explained(draft, check, event):
        changes = (*changes, draft.now_s)
    flaps = flapping.flaps(rule, changes)
    if known.flapping and not flaps:  # until it has settled
        flaps = draft.open_incident is not None or draft.now_s < flapping.settles_at_s(rule, known.changes)
    order = event.order if event.order is not None else known.order
    return changed(known, check=check.id, verdict=event.verdict, order=order, changes=changes, flapping=flaps)


def _explained(draft: Draft, check: Check, event: ev.VerdictChanged) -> bool:
    """Is it known why the check has turned, or may it be in a moment? Of what is kept aside for a parent's sake it is counted when
    it is taken up."""
    if own_work.turned_by_us(draft, event):
        return True
    if event.verdict is Verdict.DOWN:
        return behind.doubted(draft, failing.new_fault(draft, check, event, False))
    return behind.fault_of(draft, check.id) is not None


def _take_up(draft: Draft, fault: Fault) -> None:
    """What was kept aside is the host's own: from now on it counts, towards flapping too (C53, C54)."""
    if own_work.ours(draft, fault):
        failing.take_up(draft, fault)
        return
    known = next(item for item in draft.checks if item.check == fault.check)
    rule = draft.situation.policy.limits.flapping
    changes = (*flapping.remembered(rule, known.changes, draft.now_s), draft.now_s)
    flaps = known.flapping or flapping.flaps(rule, changes)
    draft.remember(changed(known, changes=changes, flapping=flaps))
    failing.take_up(draft, changed(fault, flapping=flaps))


def _clear(draft: Draft, check: Check, event: ev.VerdictChanged, flaps: bool) -> None:
    incident = draft.open_incident
    fault = incident.fault(check.id) if incident is not None else None
    if incident is None or fault is None:
        return
    if not flaps:
        draft.because(Code.CLEARED, incident=incident.id, check=check.id)
    if flaps or (draft.at_work and fault.told):
        swinging = changed(fault, flapping=flaps, up=True, evidence_since_s=min(event.at_s, draft.now_s))
        draft.open_incident = changed(incident.with_fault(swinging), recovered_at_s=event.at_s)
        return
    after = incident.without_fault(check.id)
    draft.open_incident = changed(after, recovered_at_s=event.at_s if all(item.up for item in after.faults) else None)


def _lose_evidence(draft: Draft, check: str, detail: str) -> None:
    incident = draft.open_incident
    fault = incident.fault(check) if incident is not None else None
    draft.because(Code.EVIDENCE_LOST, check=check, detail=detail)
    behind.lose_evidence(draft, check)
    if incident is not None and fault is not None:
        draft.open_incident = incident.with_fault(changed(fault, evidence_since_s=None))


def _on_evidence_lost(draft: Draft) -> None:
    incident, aside = draft.open_incident, draft.behind
    for fault in (*(incident.faults if incident is not None else ()), *(aside.faults if aside is not None else ())):
        if fault.evidence_since_s is not None:
            _lose_evidence(draft, fault.check, "the watcher is silent")


def _on_acknowledged(draft: Draft, event: ev.Acknowledged) -> None:
    incident = draft.open_incident
    if incident is None or incident.id != event.incident or not answers(incident, event.page):
        draft.because(Code.STALE, incident=event.incident)
    elif incident.acknowledged_by is not None:
        draft.because(Code.NO_CHANGE, incident=incident.id, by=incident.acknowledged_by)
    else:
        draft.update(acknowledged_by=event.by)
        draft.because(Code.ACKNOWLEDGED, incident=incident.id, by=event.by)


def answers(incident: Incident, page: int | None) -> bool:
    """Does the page of that serial ask about the incident as it stands, and not about what it was before it was reopened?"""
    return page is None or (incident.page is not None and page > incident.page.asked)


def _on_policy_changed(draft: Draft, event: ev.PolicyChanged) -> None:
    """Another inventory holds: open faults are what it now says of their checks. What it no longer knows is dropped by
    ``progress``."""
    draft.because(Code.POLICY_CHANGED, version=event.version)
    watched = draft.situation.check
    draft.checks = tuple(item for item in draft.checks if watched(item.check) is not None)
    for fault in draft.open_incident.faults if draft.open_incident is not None else ():
        check = watched(fault.check)
        if check is not None:
            level = fault.limit.level if fault.limit is not None else check.level
            fault_class = failing.fault_class(check, told_only=fault.told_only)
            after = changed(fault, level=level, fault_class=fault_class, service=check.service)
            draft.open_incident = draft.incident.with_fault(after)


def _on_record(draft: Draft, event: ev.Event) -> None:
    """Events that are recorded as they are; the overlay they belong to is part of the situation already."""
    match event:
        case ev.HoldSet():
            draft.because(Code.HOLD_SET, host=event.host, scope=event.host or "all_hosts", by=event.by, why=event.reason)
        case ev.HoldReleased():
            draft.because(Code.HOLD_RELEASED, host=event.host, scope=event.host or "all_hosts", by=event.by, why=event.reason)
        case ev.PauseSet():
            draft.because(Code.PAUSE_SET, pause=event.pause.id, by=event.by, why=event.pause.reason)
        case ev.PauseCancelled():
            draft.because(Code.PAUSE_CANCELLED, pause=event.pause, by=event.by)
        case ev.NoteAdded():
            draft.because(Code.NOTED, incident=event.incident, by=event.by, why=event.text)
        case ev.ActionRecorded():
            draft.because(
                Code.STEP_DONE, run=event.run, step=event.step, action=event.action, outcome=event.outcome, detail=event.detail
            )
        case ev.ReportWritten():
            draft.because(Code.REPORT_WRITTEN, incident=event.incident, path=event.path)
        case ev.RunbookApproved() | ev.RunbookRevoked() | ev.RunbookRaised() | ev.RunbookRehearsed():
            _on_trust(draft, event)
        case _:
            _on_trouble(draft, event)


def _on_trust(draft: Draft, event: ev.RunbookApproved | ev.RunbookRevoked | ev.RunbookRaised | ev.RunbookRehearsed) -> None:
    """What people say of runbooks; ``situation.trust`` holds it already."""
    match event:
        case ev.RunbookApproved():
            draft.because(Code.RUNBOOK_APPROVED, runbook=event.runbook, version=event.version, by=event.by, why=event.reason)
        case ev.RunbookRevoked():
            draft.because(Code.RUNBOOK_REVOKED, runbook=event.runbook, version=event.version, by=event.by, why=event.reason)
        case ev.RunbookRaised():
            draft.because(Code.RUNBOOK_RAISED, runbook=event.runbook, customer=event.customer, by=event.by, why=event.reason)
        case ev.RunbookRehearsed():
            code = Code.RUNBOOK_REHEARSED if event.passed else Code.RUNBOOK_NOT_PASSED
            draft.because(code, runbook=event.runbook, version=event.version, by=event.by, path=event.path, detail=event.detail)


def _on_trouble(draft: Draft, event: ev.Event) -> None:
    """What the operators should know of the engine itself."""
    match event:
        case ev.DeliveryFailed():
            draft.because(Code.DELIVERY_FAILED, recipient=event.recipient, error=event.error)
            if event.message is Message.NOTICE:
                return  # a notice about a lost notice would be lost likewise
            notice_operators(draft, Code.DELIVERY_FAILED, recipient=event.recipient, error=event.error)
        case ev.ReportFailed():
            draft.because(Code.REPORT_FAILED, incident=event.incident, error=event.error)
            notice_operators(draft, Code.REPORT_FAILED, error=event.error)
        case ev.InventoryRefused():
            draft.because(Code.INVENTORY_REFUSED, error=event.error)
            notice_operators(draft, Code.INVENTORY_REFUSED, error=event.error)
        case ev.WatcherSilent():
            draft.because(Code.WATCHER_SILENT, by=event.watcher)
            notice_operators(draft, Code.WATCHER_SILENT, by=event.watcher)
        case ev.WatcherCutOff():
            code = Code.WATCHER_CUT_OFF if event.cut_off else Code.WATCHER_SEES
            silent = f"{event.silent}/{event.anchors}"
            draft.because(code, by=event.watcher, label=event.segment, detail=silent)
            notice_operators(draft, code, by=event.watcher, label=event.segment, detail=silent)
        case ev.TrapsRefused():
            draft.because(Code.TRAPS_REFUSED, by=event.watcher, detail=event.detail)
            notice_operators(draft, Code.TRAPS_REFUSED, by=event.watcher, detail=event.detail)
        case ev.TrapsUnheard():
            draft.because(Code.TRAPS_UNHEARD, by=event.watcher, detail=event.detail)
            notice_operators(draft, Code.TRAPS_UNHEARD, by=event.watcher, detail=event.detail)
        case ev.SyslogRefused():
            draft.because(Code.SYSLOG_REFUSED, by=event.watcher, detail=event.detail)
            notice_operators(draft, Code.SYSLOG_REFUSED, by=event.watcher, detail=event.detail)
        case ev.SyslogUnheard():
            draft.because(Code.SYSLOG_UNHEARD, by=event.watcher, detail=event.detail)
            notice_operators(draft, Code.SYSLOG_UNHEARD, by=event.watcher, detail=event.detail)
        case ev.ClockStepped():
            draft.because(Code.CLOCK_STEPPED, from_at_s=event.from_at_s, to_at_s=event.to_at_s)
            if not draft.host:  # once, and not for each host that has an open incident
                notice_operators(draft, Code.CLOCK_STEPPED, from_at_s=event.from_at_s, to_at_s=event.to_at_s)

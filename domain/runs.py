"""Runs of procedures, as the machine sees them: asked for, announced, ended, lost."""

from domain import events as ev
from domain import gate, own_work
from domain.aim import aim
from domain.changed import changed
from domain.closing import FOR_PEOPLE
from domain.commands import ENGINE, Message, Run
from domain.earned import learn
from domain.gate import Circumstances
from domain.messages import notice_operators, tell_customer
from domain.model import effective_mode
from domain.reasons import Code
from domain.state import SERVER, Draft, Fault, Incident, Phase, RunRef
from domain.trust import ON_REQUEST, Standing, standing_of
from domain.work import VERIFY_GRACE_S, after_run, confirmed_s, cured_with, live_faults

RUN_MARGIN_S = 120.0
DEFAULT_BUDGET_S = 3600.0
"""R22: one hour of work."""
REQUEST_FRESH_S = 60.0
"""A run that a person asks for is meant for now: decided later than so (the engine was away), or before it was made by so much (a
clock was set), it is refused."""

_ENDS = {
    ev.RunOutcome.FIXED: Code.RUN_FIXED,
    ev.RunOutcome.GONE: Code.RUN_GONE,
    ev.RunOutcome.NOT_FIXED: Code.RUN_NOT_FIXED,
    ev.RunOutcome.UNKNOWN: Code.RUN_UNKNOWN,
    ev.RunOutcome.REFUSED: Code.RUN_REFUSED,
    ev.RunOutcome.LOST: Code.RUN_LOST,
}
_BAD = frozenset({ev.RunOutcome.NOT_FIXED, ev.RunOutcome.UNKNOWN, ev.RunOutcome.LOST})
_MOVED = frozenset({Code.GATE_TARGET_CHANGED, Code.NOT_WATCHED})
"""Refusals because the inventory changed under a run: a person should know what became of it."""
_SPENT = frozenset({Code.GATE_ATTEMPTED, Code.GATE_POWER_SPENT, Code.GATE_NO_TIME_BACK, Code.GATE_SERVER_NOT_COVERED})
"""Refusals of what was done in this incident already, or that only a power step meets: another run would be refused again, so
people take over."""


def start_run(draft: Draft, fault: Fault, worked: tuple[Fault, ...]) -> None:
    """Commit to one run of the procedure for this fault; all faults that it may cure are looked at with it."""
    host = draft.situation.host
    runbook = host.procedures[fault.fault_class] if host is not None else ""
    incident = draft.incident
    key = f"{incident.id}/{incident.serial + 1}/run/{runbook}"
    checks = cured_with(draft, fault, worked)
    draft.update(
        serial=incident.serial + 1,
        phase=Phase.WORKING,
        runs=incident.runs + 1,
        refused=None,
        unseen_notice_s=None,
        verify_until_s=None,
        run=_reference(draft, key, runbook, fault.target, checks),
    )
    draft.commands.append(
        Run(
            key=key,
            incident=incident.id,
            host=draft.host,
            runbook=runbook,
            checks=checks,
            service=fault.service,
            requested_by=ENGINE,
            policy=draft.situation.policy.version,
        )
    )
    draft.because(Code.RUN_STARTED, incident=incident.id, runbook=runbook, service=fault.service, faults=checks)


def _reference(draft: Draft, key: str, runbook: str, target: str, checks: tuple[str, ...]) -> RunRef:
    procedure = draft.situation.policy.procedures.get(runbook)
    version = procedure.version if procedure is not None else ""
    return RunRef(key, runbook, target, deadline_s(draft.now_s), version=version, checks=checks)


def deadline_s(now_s: float) -> float:
    """When a run that begins now is lost."""
    return now_s + DEFAULT_BUDGET_S + RUN_MARGIN_S


def on_work_announced(draft: Draft, event: ev.WorkAnnounced) -> None:
    """The run has looked again and the fault stands: the customer hears once that work starts, unless a pause began (R20, R51)."""
    incident = draft.open_incident
    if incident is None or incident.run is None or incident.run.key != event.run or incident.run.announced or draft.moved:
        draft.because(Code.STALE, run=event.run)
        return
    draft.update(performer=_performer(event.by), run=changed(incident.run, announced=True))
    watched = draft.situation.check  # what a pause had kept here may have left the inventory meanwhile
    spoken_of = tuple(fault for fault in live_faults(draft) if fault.told and fault.known and watched(fault.check) is not None)
    if spoken_of:
        tell_customer(draft, Message.WORK_STARTED, spoken_of, runbook=incident.run.runbook)
        draft.because(Code.WORK_TOLD, incident=incident.id, run=event.run, by=event.by)


def _performer(by: str) -> str | None:
    """Only a flow run is preferred for what follows; hands takes everything anyway."""
    return by if by.startswith("flow:") else None


def on_run_ended(draft: Draft, event: ev.RunEnded) -> None:
    """How a run ended, of this incident or of none; operators hear of an effect that nobody knows, unless a page tells it
    (R25, R26)."""
    asked, incident = draft.asked, draft.open_incident
    code = _ENDS[event.outcome]
    if asked is not None and asked.key == event.run:
        own_work.end(draft)
        draft.asked = None
        draft.because(code, run=event.run, by=event.by, outcome=str(event.outcome), outcome_detail=event.detail)
        _say_where_it_is(draft, event.run)
        failed = _failed(draft, event)
        if failed not in (None, Code.RUN_NOT_FIXED):
            notice_operators(draft, failed, run=event.run, outcome_detail=event.detail)
        return
    run = incident.run if incident is not None else None
    if incident is None or run is None or run.key != event.run:
        draft.because(Code.STALE, run=event.run)
        return
    draft.because(
        code,
        incident=incident.id,
        run=event.run,
        by=event.by,
        outcome=str(event.outcome),
        outcome_detail=event.detail,
        reason=event.code,
    )
    _say_where_it_is(draft, event.run)
    own_work.end(draft)
    incident = draft.incident
    _end_run(draft, incident, run, event)
    if draft.rescue and all(draft.pause_of(check) is not None for check in incident.seen):
        notice_operators(draft, Code.IN_RESCUE, run=event.run, outcome_detail=event.detail)  # they are paged when the pause ends
    if incident.faults or draft.rescue:
        return  # people get to know of it by a page
    if event.outcome is ev.RunOutcome.UNKNOWN:
        draft.update(failed=None)
        notice_operators(draft, Code.RUN_UNKNOWN, run=event.run, outcome_detail=event.detail)
    elif event.code in _MOVED:
        notice_operators(draft, Code(event.code), run=event.run)


def _end_run(draft: Draft, incident: Incident, run: RunRef, event: ev.RunEnded) -> None:
    learn(draft, run, event.outcome, acted=event.acted)
    bad = event.outcome in _BAD
    failed = _failed(draft, event)
    if incident.failed in FOR_PEOPLE and failed not in {*FOR_PEOPLE, Code.IN_RESCUE}:
        failed = incident.failed  # of an earlier run, and nobody could be told yet
    draft.update(
        run=None,
        phase=after_run(incident),
        acted=incident.acted or event.acted,
        tried=_tried(draft, run) if event.acted or bad else incident.tried,
        failed=failed,
        outcome=str(event.outcome),
        outcome_detail=event.detail,
        performer=_performer(event.by),
        verify_until_s=None if failed is not None else draft.now_s + VERIFY_GRACE_S,
    )
    _seen_in_its_own_system(draft, event.at_s if event.outcome is ev.RunOutcome.FIXED else None)


def _tried(draft: Draft, run: RunRef) -> tuple[str, ...]:
    """What is not worked on once more in this incident. Whoever has switched the power has tried the server, too, whatever the run
    was for: a reboot happens once for one cause (R26)."""
    tried = (*draft.incident.tried, run.target)
    return (*tried, SERVER) if draft.situation.of_run.power and SERVER not in tried else tried


def _seen_in_its_own_system(draft: Draft, seen_s: float | None) -> None:
    """The run that is over has booted the host's disk. What was up before, the rescue system may have been: recovery was
    seen at ``seen_s``, else what the watcher, which says nothing of what stays up, has not seen fail for long enough."""
    if draft.situation.of_run.rescue is False and not draft.incident.faults:
        until_s = draft.now_s + confirmed_s(draft) if seen_s is None else None
        draft.update(recovered_at_s=seen_s, verify_until_s=until_s)


def _failed(draft: Draft, event: ev.RunEnded) -> Code | None:
    """Why people have to take over after this run; ``None`` where they don't."""
    if draft.rescue:
        return Code.IN_RESCUE
    if event.outcome is ev.RunOutcome.REFUSED:
        if event.code in _MOVED | _SPENT | gate.PASSING:
            return Code(event.code)
        return Code.RUN_REFUSED if event.acted else None
    return _ENDS[event.outcome] if event.outcome in _BAD else None


def lose_overdue(draft: Draft) -> None:
    """Runs of which nothing was heard in time are lost: what they did is not known, so a person has to look (R22)."""
    asked, incident, now_s = draft.asked, draft.open_incident, draft.now_s
    if asked is not None and now_s >= asked.deadline_s:
        own_work.end(draft)
        draft.asked = None
        draft.because(Code.RUN_LOST, run=asked.key)
        _say_where_it_is(draft, asked.key)
        notice_operators(draft, _lost(draft), run=asked.key)
    lost = incident.run if incident is not None else None
    if lost is None or now_s < lost.deadline_s:
        return
    own_work.end(draft)
    incident = draft.incident
    draft.because(Code.RUN_LOST, run=lost.key)
    _say_where_it_is(draft, lost.key)
    learn(draft, lost, ev.RunOutcome.LOST, acted=draft.situation.of_run.acted)  # for all that is known
    draft.update(
        run=None,
        phase=after_run(incident),
        tried=_tried(draft, lost),
        failed=_lost(draft) if incident.faults or draft.rescue else None,
        outcome=str(ev.RunOutcome.LOST),
        outcome_detail="",
    )
    _seen_in_its_own_system(draft, None)
    if not incident.faults:
        notice_operators(draft, _lost(draft), run=lost.key)


def _say_where_it_is(draft: Draft, run: str) -> None:
    """For the record, once nobody is at work there any more."""
    if draft.rescue:
        draft.because(Code.IN_RESCUE, run=run)


def _lost(draft: Draft) -> Code:
    return Code.IN_RESCUE if draft.rescue else Code.RUN_LOST


def on_own_system(draft: Draft, event: ev.OwnSystemRuns) -> None:
    """A person's word, for a host that was left in its rescue system and that nobody is at work on."""
    if not draft.stranded:
        draft.because(Code.GATE_BUSY if draft.rescue else Code.NO_CHANGE, host=event.host, by=event.by)
        return
    draft.rescue = False
    draft.because(Code.OWN_SYSTEM, host=event.host, by=event.by, why=event.reason)
    if draft.open_incident is None:
        return
    if not draft.incident.faults:
        draft.update(recovered_at_s=draft.now_s, failed=None)
    elif draft.incident.failed is Code.IN_RESCUE:  # where that could not be told yet, what will be is that it fails still
        draft.update(failed=Code.RUN_NOT_FIXED)


def on_run_requested(draft: Draft, event: ev.RunRequested) -> None:
    """An operator's own run: stop file, holds and pauses count; mode, approval, coverage, evidence are that person's judgement."""
    situation, incident, host = draft.situation, draft.open_incident, draft.situation.host
    if abs(draft.now_s - event.at_s) > REQUEST_FRESH_S:
        draft.because(Code.REQUEST_LATE, by=event.by, runbook=event.runbook, why=event.reason, due_s=event.at_s)
        return
    procedure = situation.policy.procedures.get(event.runbook)
    if procedure is None:
        draft.because(Code.GATE_NO_PROCEDURE, host=event.host, runbook=event.runbook, by=event.by)
        return
    aimed = aim(host, incident, procedure, event.service) if host is not None else None
    if host is None or aimed is None or not aimed.checks:
        draft.because(Code.NOT_WATCHED, host=event.host, service=event.service)
        return
    verdict = gate.judge(
        Circumstances(
            mode=effective_mode(situation.policy, host),
            stop_file=situation.stop_file,
            held_all=situation.held_all,
            held=situation.held,
            pause=next((pause for check in aimed.checks if (pause := draft.pause_of(check))), None),
            requested=True,
            busy=draft.asked is not None or (incident is not None and incident.run is not None),
        )
    )
    draft.because(verdict.code, **verdict.facts, by=event.by, runbook=event.runbook, why=event.reason)
    if not verdict.allowed:
        return
    key = f"{event.host}/{event.id}/run/{event.runbook}"
    run = _reference(draft, key, event.runbook, aimed.target, aimed.checks)
    if incident is not None:
        draft.update(run=run, phase=Phase.WORKING)
    else:
        draft.asked = run
    draft.commands.append(
        Run(
            key=key,
            incident=incident.id if incident is not None else None,
            host=event.host,
            runbook=event.runbook,
            checks=aimed.checks,
            service=aimed.service,
            requested_by=event.by,
            policy=situation.policy.version,
            prefer=event.prefer,
        )
    )
    draft.because(
        Code.RUN_STARTED, runbook=event.runbook, service=aimed.service, faults=aimed.checks, by=event.by, why=event.reason
    )
    approved = standing_of(situation.trust, situation.policy.procedures, event.runbook) is Standing.APPROVED
    if not approved and event.runbook not in ON_REQUEST:
        draft.because(Code.OWN_JUDGEMENT, runbook=event.runbook, by=event.by)

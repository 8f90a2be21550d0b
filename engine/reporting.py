"""Performs Report commands: gathers an incident's records into plain data, and has the PDF written by a process of its own."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from sqlalchemy import func
from sqlmodel import Session, col, or_, select

from domain import events as ev
from domain.commands import Notify, Report
from domain.model import Customer, Host, Language, Policy
from domain.procedure import LEFT_ALONE, Effect
from domain.reasons import Code
from domain.state import Incident
from domain.wording import shown
from engine import history, worked
from engine.claim import LeaseKeeper
from engine.context import Context
from engine.situation import state_of
from engine.tick import SYSTEM
from notify.reasons import for_customer
from notify.text import write
from reports import ClockSet, IncidentReport, Moment, Omission, Sent, What, encode
from reports.words import WORDS, WORK_WORDS
from store import inbox, outbox, policies
from store.codec import decode
from store.tables import Attempt, CommandRow, Decision

log = logging.getLogger(__name__)

TIMEOUT_S = 120.0
RETRY_S = 30.0
GIVE_UP_TRIES = 5
NOTICES_S = 5.0
"""How long a report waits for the mails that were ordered before it: they take less than a second, or their server is away."""
NOTICES_POLL_S = 0.2
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")
"""The renderer's whole environment: it needs no secret."""

_WHAT: dict[Code, What] = {
    Code.OPENED: What.FAULT,
    Code.OPENED_IN_PAUSE: What.FAULT,
    Code.REOPENED: What.FAULT,
    Code.JOINED: What.FAULT,
    Code.OWN_WORK: What.WORK,
    Code.FAULT_TOLD: What.NOTICE,
    Code.LEVEL_TOLD: What.NOTICE,
    Code.WORK_TOLD: What.NOTICE,
    Code.NOT_RECOVERED_TOLD: What.NOTICE,
    Code.RUN_STARTED: What.WORK,
    Code.STEP_DONE: What.WORK,
    Code.RUN_FIXED: What.WORK,
    Code.RUN_NOT_FIXED: What.WORK,
    Code.RUN_UNKNOWN: What.WORK,
    Code.CLEARED: What.RECOVERY,
    Code.RECOVERED: What.RECOVERY,
    Code.PAGED: What.PERSON,
    Code.ACKNOWLEDGED: What.PERSON,
    Code.ACKNOWLEDGER_LEFT: What.PERSON,
    Code.HOLD_SET: What.PERSON,
    Code.HOLD_RELEASED: What.PERSON,
}
UNSAID = frozenset({
    Code.NOTED, Code.DELIVERED, Code.REPORT_ASKED, Code.REPORT_WRITTEN, Code.REPORT_FAILED, Code.DELIVERY_FAILED,
    Code.NOT_WORKED_ON, Code.OUT_OF_SIGHT, Code.POLICY_CHANGED, Code.INVENTORY_REFUSED, Code.WATCHER_SILENT,
    Code.WATCHER_CUT_OFF, Code.WATCHER_SEES, Code.TRAPS_REFUSED, Code.TRAPS_UNHEARD,
    Code.SYSLOG_REFUSED, Code.SYSLOG_UNHEARD, Code.EVENT_SET_ASIDE,
    Code.NOT_WATCHED, Code.NOT_NEEDED, Code.RUNBOOK_APPROVED, Code.RUNBOOK_REVOKED, Code.RUNBOOK_REHEARSED, Code.RUNBOOK_NOT_PASSED,
    Code.RUNBOOK_LOWERED, Code.RUNBOOK_RAISED, Code.OWN_JUDGEMENT, Code.MASS_OUTAGE, Code.MASS_OUTAGE_OVER, *history.QUIET,
})  # fmt: skip
"""Not of the customer's concern, or said by another line: what the gate refused stands among what was withheld."""
_OMITTED = frozenset({*(code for code in Code if code.startswith("gate_")), Code.WOULD_RUN, Code.SAME_SERVICE, Code.SAME_AGENT})


def write_report(context: Context, key: str, claimer: str) -> str:
    """Claim the Report command, write the PDF in each language of the customer's contacts, and tell the engine where."""
    asked_boot_s = context.clock.boottime_s()
    row = outbox.claim(context.store, key, claimer, context.settings.lease_s)
    if row is None:
        return "taken"
    report = decode(Report, row.payload)
    try:
        with LeaseKeeper(context, claimer, key, asked_boot_s=asked_boot_s):
            _await_notices(context, report.incident)
            paths = [_render(data, path) for data, path in _all(context, report)]
    except (subprocess.SubprocessError, OSError, LookupError, ValueError) as error:
        return _failed(context, row, claimer, str(error))
    with context.store.write() as session:
        now_s = context.clock.now_s()
        if outbox.complete(session, key, claimer, "written", ", ".join(paths), now_s):
            event = ev.ReportWritten(
                id=f"{key}/written", at_s=now_s, host=report.host, incident=report.incident, path=", ".join(paths)
            )
            inbox.insert(session, event)
    return "written"


def _failed(context: Context, row: CommandRow, claimer: str, error: str) -> str:
    log.error("%s: %s", row.key, error)
    with context.store.write() as session:
        now_s = context.clock.now_s()
        if row.tries < GIVE_UP_TRIES:
            outbox.postpone(session, row.key, claimer, RETRY_S, error)
            return "postponed"
        if outbox.complete(session, row.key, claimer, "failed", error, now_s):
            event = ev.ReportFailed(
                id=f"{row.key}/failed", at_s=now_s, host=row.host or "", incident=row.incident or "", error=error
            )
            inbox.insert(session, event)
    return "failed"


def _all(context: Context, report: Report) -> Iterator[tuple[IncidentReport, Path]]:
    with context.store.read() as session:
        policy = policies.current(session)
        if policy is None:
            raise LookupError("no inventory")
        incident = _incident(session, report.host, report.incident)
        customer = policy.customers.get(incident.customer)
        if customer is None:
            raise LookupError(f"customer {incident.customer} is no longer in the inventory")
        host = _host_of(session, report.host, incident)
        languages = sorted({contact.language for contact in customer.contacts})
        for language in languages:
            path = context.settings.reports / f"{report.incident}.{language}.pdf"
            yield gather(session, policy=policy, host=host, customer=customer, incident_id=report.incident, language=language), path


def gather(
    session: Session, *, policy: Policy, host: Host, customer: Customer, incident_id: str, language: Language
) -> IncidentReport:
    """All that the report says, from the records."""
    incident = _incident(session, host.id, incident_id)
    lines = _lines(session, customer, incident_id, language)
    sent = _sent(session, policy, customer, incident_id, language)
    worst, clock_set = incident.worst, _clock_set(session, incident)
    rescue = worked.in_rescue(session, host.id, incident, [line.at_s for line in lines if line.code is Code.OWN_SYSTEM])
    told = worked.by_begin(session, incident_id, lines, sort=not clock_set)
    return IncidentReport(
        language=language,
        zone=customer.zone,
        brand=policy.brand.name,
        sender=policy.brand.sender,
        customer=customer.name,
        incident=incident.id,
        label=host.label,
        address=host.address,
        fqdn=host.fqdn,
        device_type=host.device_type,
        os=host.os,
        level=int(worst.level) if worst is not None else 2,
        checks=incident.seen,
        cause=worst.detail if worst is not None else "",
        fault_at_s=incident.fault_at_s,
        confirmed_at_s=worst.confirmed_at_s if worst is not None else incident.opened_at_s,
        first_notice_at_s=_first_notice_s(sent, incident),
        work_at_s=_work_began_s(session, incident),
        recovered_at_s=incident.recovered_at_s or incident.opened_at_s,
        acted=incident.acted or (None if incident.outcome == ev.RunOutcome.LOST else False),
        fixed=incident.outcome == ev.RunOutcome.FIXED,
        written_at_s=lines[-1].at_s,
        timeline=tuple(_moment(line, customer.zone, language, rescue) for line in told if line.code not in _OMITTED),
        work=worked.of_incident(session, incident, customer.zone, language),
        omissions=tuple(Omission(line.at_s, _omitted(line.code, language), line.text) for line in lines if line.code in _OMITTED),
        sent=sent,
        clock_set=clock_set,
    )


def _lines(session: Session, customer: Customer, incident_id: str, language: Language) -> list[history.Line]:
    """What was decided, as the customer may read it."""
    return [
        replace(line, text=for_customer(line.code, line.facts, language, customer.zone))
        for line in history.of_incident(session, incident_id, language, customer.zone)
        if line.code not in UNSAID
    ]


def _incident(session: Session, host: str, incident_id: str) -> Incident:
    state = state_of(session, host)
    for incident in (state.last, state.incident):
        if incident is not None and incident.id == incident_id:
            return incident
    raise LookupError(f"{incident_id} is not the last incident of {host}")


def _host_of(session: Session, host: str, incident: Incident) -> Host:
    """The host as it was for the incident: by the last inventory that one of its decisions was made under, and in which the host
    was still its customer's. Since then it may have left, or come to somebody else, whose business it is."""
    decided = select(Decision.policy_version).where(Decision.incident == incident.id).order_by(col(Decision.seq).desc())
    for version in dict.fromkeys(session.exec(decided)):
        policy = policies.get(session, version)
        found = policy.hosts.get(host) if policy is not None else None
        if found is not None and found.customer == incident.customer:
            return found
    raise LookupError(f"no inventory is kept in which {host} was of {incident.customer}")


def _first_notice_s(sent: Sequence[Sent], incident: Incident) -> float | None:
    """When the customer first heard of this fault; what was told before the incident was reopened was of the one before."""
    return min((item.at_s for item in sent if item.at_s is not None and item.at_s >= incident.fault_at_s), default=None)


def _work_began_s(session: Session, incident: Incident) -> float | None:
    """When the first action on the host began for this fault; an order, a look, or one too late or out of reach is no work."""
    admitted = (
        select(func.min(Attempt.intent_s))
        .join(CommandRow, col(CommandRow.key) == col(Attempt.command))
        .where(CommandRow.incident == incident.id, Attempt.code == Code.ADMITTED, col(Attempt.intent_s) >= incident.fault_at_s)
        .where(Attempt.effect != Effect.NONE)
        .where(or_(col(Attempt.outcome).is_(None), col(Attempt.outcome).not_in(LEFT_ALONE)))
    )
    return session.exec(admitted).one()


def _clock_set(session: Session, incident: Incident) -> tuple[ClockSet, ...]:
    """When the clock was set while the incident was open, or since its fault had begun."""
    steps = select(Decision).where(Decision.event_kind == ev.ClockStepped.__name__)
    opened = select(func.min(Decision.seq)).where(Decision.incident == incident.id).scalar_subquery()
    before = steps.where(Decision.host == SYSTEM, col(Decision.seq) < opened).order_by(col(Decision.seq).desc()).limit(1)
    during = steps.where(Decision.incident == incident.id).order_by(col(Decision.seq))
    last = [
        step
        for step in map(_step, session.exec(before))
        # what began after that step began between it and the opening; what did not was stamped by the clock before
        if not step.to_at_s <= incident.fault_at_s <= incident.opened_at_s
    ]
    return (*last, *map(_step, session.exec(during)))


def _step(row: Decision) -> ClockSet:
    facts = next(reason["facts"] for reason in row.reasons if reason["code"] == Code.CLOCK_STEPPED)
    return ClockSet(facts["from_at_s"], facts["to_at_s"])


def _moment(line: history.Line, zone: str, language: Language, rescue: Sequence[tuple[float, float]]) -> Moment:
    if line.code is Code.CLEARED and any(from_s <= line.at_s < to_s for from_s, to_s in rescue):
        return Moment(line.at_s, What.DECISION, WORK_WORDS[language]["in_rescue"].format(check=line.facts.get("check")))
    # a step's text says its outcome; the column is for how whole runs ended
    outcome = line.facts.get("outcome") if line.code is not Code.STEP_DONE else None
    said = shown("outcome", outcome, zone, language) if outcome is not None else ""
    return Moment(line.at_s, _WHAT.get(line.code, What.DECISION), line.text, said)


def _omitted(code: Code, language: Language) -> str:
    return WORDS[language]["omitted_notice" if code in (Code.SAME_SERVICE, Code.SAME_AGENT) else "omitted_work"]


def _sent(session: Session, policy: Policy, customer: Customer, incident_id: str, language: Language) -> tuple[Sent, ...]:
    """The messages to the customer, as the next hop took them or did not; each subject in its recipient's language."""
    names = {contact.id: contact.name for contact in customer.contacts}
    languages = {contact.id: contact.language for contact in customer.contacts}
    found = []
    for row, notify in _notices(session, incident_id):
        subject = write(notify, policy.brand, languages.get(notify.recipient, language), None).subject
        channel = shown("channel", notify.channel, customer.zone, language)
        at_s = row.done_s if row.outcome == outbox.SENT else None
        found.append(Sent(at_s, names.get(notify.recipient, notify.recipient), channel, subject))
    return tuple(found)


def _notices(session: Session, incident_id: str) -> list[tuple[CommandRow, Notify]]:
    """All messages to the customer, oldest first."""
    rows = session.exec(
        select(CommandRow)
        .where(CommandRow.incident == incident_id, CommandRow.kind == Notify.__name__)
        .order_by(col(CommandRow.seq))
    ).all()
    found = [(row, decode(Notify, row.payload)) for row in rows]
    return [(row, notify) for row, notify in found if notify.audience == "customer"]


def _await_notices(context: Context, incident_id: str) -> None:
    """What was ordered before the report is sent beside it: let it arrive, so that the report can say so."""
    give_up_s = context.clock.boottime_s() + NOTICES_S
    while context.clock.boottime_s() < give_up_s:
        with context.store.read() as session:
            if all(row.done_s is not None for row, _ in _notices(session, incident_id)):
                return
        context.clock.sleep(NOTICES_POLL_S)


def _render(data: IncidentReport, path: Path) -> str:
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "reports", str(path)],
        input=encode(data),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        env={name: os.environ[name] for name in _KEPT if name in os.environ},
    )
    if done.returncode != 0:
        raise OSError(f"{path.name} could not be written: {done.stderr.strip()[-500:]}")
    return str(path)

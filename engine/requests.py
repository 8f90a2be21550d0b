"""What people ask for, from the command line and the Prefect forms alike: checked, inserted as events, and answered. Runs:
``run_requests``."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from sqlmodel import Session, col, select

from domain import events as ev
from domain.commands import Facts
from domain.incident import answers
from domain.model import Host, Policy
from domain.pauses import Pause, boundary_s
from domain.reasons import Code
from engine.context import Context
from engine.history import facts_of
from engine.situation import state_of
from inventory.pauses import PERIODS_S
from store import inbox, overlay, policies
from store.tables import Decision, Inbox, IncidentRow

UNANSWERED = "written down; no engine answered yet, it decides when it is back"
WAIT_S = 10.0
POLL_S = 0.1
REASON_MAX = 500
NOTE_MAX = 1000
PAUSE_MAX_S = 366 * 86_400.0
EARLIEST, LATEST = "2000", "2100"
"""Calendars far beyond these years end somewhere."""


class RequestError(Exception):
    """What was asked for can't be: says what is wrong and what would be right."""


class RefusedError(RequestError):
    """Asked for rightly, but not to be had as things stand; the text says why."""


GRANTED = frozenset(
    {
        Code.ADMITTED,
        Code.ACKNOWLEDGED,
        Code.NOTED,
        Code.OWN_SYSTEM,
        Code.HOLD_SET,
        Code.HOLD_RELEASED,
        Code.PAUSE_SET,
        Code.PAUSE_CANCELLED,
        Code.RUNBOOK_APPROVED,
        Code.RUNBOOK_REVOKED,
        Code.RUNBOOK_RAISED,
        Code.RUNBOOK_REHEARSED,
    }
)
"""The engine's first word on a request that it grants. What follows from it is not an answer to the request: a hold that is set
makes the gate refuse, and that refusal is the hold's success."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the engine made of a request: ``codes`` of its decision record with their facts, and the commands it gave.
    ``decided`` is false when no engine answered in time; the request stays in the inbox."""

    event_id: str
    decided: bool
    reasons: tuple[tuple[str, Facts], ...] = ()
    commands: tuple[str, ...] = ()

    @property
    def granted(self) -> bool:
        return bool(self.reasons) and self.reasons[0][0] in GRANTED


def has_policy(context: Context) -> bool:
    """Was any inventory accepted yet?"""
    with context.store.read() as session:
        return policies.current(session) is not None


def current_policy(context: Context) -> Policy:
    with context.store.read() as session:
        policy = policies.current(session)
    if policy is None:
        raise RequestError("no inventory has been accepted yet: start the engine with `hikeshi up`")
    return policy


def known_host(policy: Policy, name: str) -> Host:
    host = policy.hosts.get(name)
    if host is None:
        raise RequestError(f"host {name!r} is not in the inventory; would be right: {some(policy.hosts)}")
    return host


def known_customer(policy: Policy, name: str) -> str:
    if name not in policy.customers:
        raise RequestError(f"customer {name!r} is not in the inventory; would be right: {some(policy.customers)}")
    return name


def known_operator(policy: Policy, name: str) -> str:
    if name not in policy.operators:
        raise RequestError(f"operator {name!r} is not in the inventory; would be right: {some(policy.operators)}")
    return name


def request_pause(context: Context, *, pause: Pause, by: str, once: str | None = None) -> Answer:
    """Set a maintenance pause (R50). ``once`` names the request: asked again under the same name, it is the same request."""
    policy = current_policy(context)
    if pause.host is not None:
        host = known_host(policy, pause.host)
        if pause.check is not None and pause.check not in (known := [check.id for check in host.checks]):
            raise RequestError(f"check {pause.check!r} is not in the inventory; would be right: {some(known)}")
    else:
        known_customer(policy, pause.customer or "")
    known_operator(policy, by)
    bounded("reason", pause.reason, REASON_MAX)
    _check_window(pause, context.clock.now_s())
    return ask(context, ev.PauseSet(id=f"pause-{once or uuid.uuid4()}", at_s=context.clock.now_s(), pause=pause, by=by))


def _check_window(pause: Pause, now_s: float) -> None:
    if not 0 < pause.duration_s <= PAUSE_MAX_S:
        raise RequestError(f"the duration is {pause.duration_s:g} s, must be above 0 and at most {PAUSE_MAX_S:g}")
    period_s = PERIODS_S.get(pause.repeat)
    if period_s is not None and pause.duration_s >= period_s:
        raise RequestError(
            f"a {pause.repeat} pause of {pause.duration_s / 60:g} min would never end, must be below {period_s / 60:g} min"
        )
    if not EARLIEST <= pause.start < LATEST:
        raise RequestError(f"the start is {pause.start}, must lie in the years {EARLIEST} to {int(LATEST) - 1}")
    if boundary_s(pause, now_s) is None:
        raise RequestError(f"the pause from {pause.start} {pause.zone} for {pause.duration_s / 60:g} min is over already")


def cancel_pause(context: Context, *, pause: str, by: str) -> Answer:
    """End a pause that was set by an operator."""
    policy = current_policy(context)
    known_operator(policy, by)
    with context.store.read() as session:
        known = [item.id for item in overlay.pauses(session)]
    if any(item.id == pause for item in policy.pauses):
        raise RefusedError(f"pause {pause!r} stands in the inventory: take it out there")
    if pause not in known:
        raise RequestError(f"there is no pause {pause!r} to cancel; would be right: {some(known)}")
    return ask(context, ev.PauseCancelled(id=f"unpause-{uuid.uuid4()}", at_s=context.clock.now_s(), pause=pause, by=by))


def acknowledge(context: Context, *, incident: str, by: str, via: str, page: int | None = None) -> Answer:
    """A person takes the incident; escalation stops. Who has it already may take it again; anybody else is refused, and so is an
    answer to a page (``page``: its serial) from before the incident was reopened."""
    known_operator(current_policy(context), by)
    row = known_incident(context, incident)
    _check_free(row, by)
    now_s = context.clock.now_s()
    answer = ask(
        context,
        ev.Acknowledged(id=f"ack-{uuid.uuid4()}", at_s=now_s, incident=row.id, host=row.host, by=by, via=via, page=page),
    )
    if answer.decided and not answer.granted:
        now = known_incident(context, incident)
        _check_free(now, by)  # somebody was faster
        if now.acknowledged_by is None and page is not None and (why := out_of_date(context, now, page)):
            raise RefusedError(why)
    return answer


def no_longer_asks(context: Context, row: IncidentRow, page: int) -> str | None:
    """Why the incident's page of that serial needs nobody any more; ``None`` while it does."""
    if row.closed_at_s is not None:
        return "This incident is over; there is nothing left to take."
    if row.acknowledged_by is not None:
        return f"{row.acknowledged_by} has it already."
    return out_of_date(context, row, page)


def out_of_date(context: Context, row: IncidentRow, page: int) -> str | None:
    """Why the page of that serial asks about the incident no longer; ``None`` where it does."""
    with context.store.read() as session:
        now = state_of(session, row.host).incident
    if now is None or now.id != row.id or answers(now, page):
        return None
    return f"{row.id} was reopened since this page was sent; a newer page asks about it, or none is needed yet"


def _check_free(row: IncidentRow, by: str) -> None:
    if row.closed_at_s is not None:
        raise RefusedError(f"{row.id} is over; there is nothing left to take")
    if row.acknowledged_by not in (None, by):
        raise RefusedError(f"{row.acknowledged_by} has {row.id} already")


def say_own_system_runs(context: Context, *, host: str, by: str, reason: str) -> Answer:
    """A person has seen that the host, which a run had left in its rescue system, runs its own system again (R24).
    Raises ``RefusedError`` where it is not known to have been left there."""
    policy = current_policy(context)
    known_host(policy, host)
    known_operator(policy, by)
    bounded("reason", reason, REASON_MAX)
    now_s = context.clock.now_s()
    answer = ask(context, ev.OwnSystemRuns(id=f"own-system-{uuid.uuid4()}", at_s=now_s, host=host, by=by, reason=reason))
    if any(code == Code.NO_CHANGE for code, _ in answer.reasons):
        raise RefusedError(f"{host} is not known to have been left in its rescue system, so nothing was changed")
    return answer


def add_note(context: Context, *, incident: str, by: str, text: str) -> Answer:
    """Write something into an incident's record."""
    row = known_incident(context, incident)
    known_operator(current_policy(context), by)
    bounded("note", text, NOTE_MAX)
    if not text.strip():
        raise RequestError("the note says nothing")
    now_s = context.clock.now_s()
    return ask(context, ev.NoteAdded(id=f"note-{uuid.uuid4()}", at_s=now_s, incident=row.id, host=row.host, by=by, text=text))


def known_incident(context: Context, incident: str) -> IncidentRow:
    with context.store.read() as session:
        row = session.get(IncidentRow, incident)
        if row is not None:
            return row
        newest = session.exec(select(IncidentRow.id).order_by(col(IncidentRow.number).desc()).limit(5)).all()
    raise RequestError(f"there is no incident {incident!r}; the newest are: {', '.join(newest) or 'none yet'}")


def ask(context: Context, event: ev.Event) -> Answer:
    """Insert an event and wait for the engine's decision."""
    with context.store.write() as session:
        inbox.insert(session, event)
    return answer_to(context, event.id)


def asked_before(context: Context, event_id: str) -> bool:
    with context.store.read() as session:
        return session.exec(select(Inbox.seq).where(Inbox.event_id == event_id)).first() is not None


def answer_to(context: Context, event_id: str) -> Answer:
    """Wait for the engine's decision on an event that was inserted."""
    give_up_s = context.clock.boottime_s() + WAIT_S
    while context.clock.boottime_s() < give_up_s:
        with context.store.read() as session:
            answer = _answer(session, event_id)
        if answer is not None:
            return answer
        context.clock.sleep(POLL_S)
    return Answer(event_id, decided=False)


def _answer(session: Session, event_id: str) -> Answer | None:
    row = session.exec(select(Inbox).where(Inbox.event_id == event_id)).one()
    if not row.decided:
        return None
    decisions = session.exec(select(Decision).where(Decision.event_seq == row.seq).order_by(col(Decision.seq))).all()
    reasons = tuple((item["code"], facts_of(item)) for decision in decisions for item in decision.reasons)
    return Answer(event_id, True, reasons, tuple(key for decision in decisions for key in decision.commands))


def bounded(what: str, text: str, most: int) -> None:
    if len(text) > most:
        raise RequestError(f"the {what} is {len(text)} characters long, must be at most {most}")


def some(names: Iterable[str]) -> str:
    """Of the names that would be right, as many as one reads."""
    listed = sorted(names)
    return ", ".join(listed[:10]) or "none there"

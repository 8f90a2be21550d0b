"""inbox -> step -> commit. The only place where incidents move; everything one event brings is one transaction."""

import logging
import traceback
import uuid
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from sqlalchemy import func
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from domain import events as ev
from domain.aside import set_aside
from domain.due import next_due_s
from domain.incident import step
from domain.mass import segment_of
from domain.model import Policy
from domain.pauses import Pause
from domain.reasons import Code
from domain.state import Decision, HostState, Incident, Situation
from engine.context import Context
from engine.families import Families
from engine.outages import Outages, Turn, judge_again
from engine.situation import open_hosts, situation_of, state_of
from store import inbox, lease, outbox, overlay, policies, steady, trust
from store.codec import encode
from store.db import StoreError
from store.inbox import Unreadable
from store.tables import Decision as DecisionRow
from store.tables import HostRow, IncidentRow, VerdictRow

log = logging.getLogger(__name__)

LEASE = "engine"
BATCH = 100
SYSTEM = ""
"""The host name under which decisions stand that concern no single host."""


def _version() -> str:
    try:
        return version("hikeshi")
    except PackageNotFoundError:
        return "source"


VERSION = _version()


class LeaseLostError(Exception):
    """Another engine process decides now; this one must stop."""


def demand_lease(session: Session, holder: str) -> None:
    """Raises ``LeaseLostError`` unless this transaction is the deciding engine's."""
    if not lease.still(session, LEASE, holder):
        raise LeaseLostError(f"{holder} no longer holds the engine's lease")


class Ticker:
    """Decides events one after another, in the order in which they were written down."""

    def __init__(self, context: Context, holder: str) -> None:
        self._context = context
        self._holder = holder
        self._outages = Outages()
        self._families = Families()

    def once(self) -> int:
        """Decide what is pending (at most a batch) and what time has made due; returns how many events were decided."""
        self._fire_timers()
        with self._context.store.read() as session:
            # before an inventory was accepted nothing can be decided; what was heard waits
            waiting = inbox.pending(session, BATCH) if policies.current(session) is not None else []
        for seq, event in waiting:
            self._decide(seq, event)
        return len(waiting)

    def next_timer_boot_s(self) -> float | None:
        """When the next host wants to be asked again, by CLOCK_BOOTTIME; ``None`` while none does."""
        with self._context.store.read() as session:
            next_s = session.exec(select(func.min(col(HostRow.next_due_s)))).one()
            return self._context.clock.boottime_s() + next_s - steady.now_s(session) if next_s is not None else None

    def _fire_timers(self) -> None:
        with self._context.store.read() as session:
            if session.exec(_due(steady.now_s(session))).first() is None:
                return
        with self._context.store.write() as session:
            demand_lease(session, self._holder)
            now_s = steady.now_s(session)
            for row in session.exec(_due(now_s)):
                inbox.insert(session, ev.TimerFired(id=f"timer/{row.host}/{uuid.uuid4().hex}", at_s=now_s, host=row.host))
                row.next_due_s = None

    def _decide(self, seq: int, event: ev.Event | Unreadable) -> None:
        """One event that can't be decided must not keep all others waiting: it is set aside, and people are told."""
        if isinstance(event, Unreadable):
            self._set_aside(seq, event, event.error)
            return
        try:
            self._decide_one(seq, event)
        except Exception as error:
            if not _blames_the_event(error):
                raise
            trace = "".join(traceback.format_tb(error.__traceback__))
            self._set_aside(seq, event, inbox.said(error), trace)

    def _set_aside(self, seq: int, event: ev.Event | Unreadable, error: str, trace: str = "") -> None:
        log.error("event %d can't be decided and is set aside: %s\n%s", seq, error, trace)
        context = self._context
        with context.store.write() as session:
            demand_lease(session, self._holder)
            policy = policies.current(session)
            if policy is None:
                raise LookupError("there is no inventory to decide by")
            if isinstance(event, ev.HoldSet | ev.RunbookRevoked):  # what an operator stopped stays stopped
                overlay.apply(session, event)
                trust.apply(session, event)
            row = inbox.set_aside(session, seq, error)
            situation = situation_of(session, policy, SYSTEM, context.settings.stop_file)
            now_s = steady.now_s(session)
            decision = set_aside(situation, row.event_id, row.kind, f"{row.kind}: {error}", now_s)
            for command in decision.commands:
                outbox.put(session, command)
            for host in dict.fromkeys((SYSTEM, row.host)):
                session.add(_record(seq, row.kind, host, situation, decision, getattr(event, "incident", None)))

    def _decide_one(self, seq: int, event: ev.Event) -> None:
        context = self._context
        with context.store.write() as session:
            demand_lease(session, self._holder)
            now_s = steady.now_s(session)
            policy = policies.current(session)
            if policy is not None:
                overlay.apply(session, event)
                trust.apply(session, event)
                for host in _hosts_of(session, event, policy):
                    self._decide_for(session, seq=seq, event=event, policy=policy, host=host, now_s=now_s)
            inbox.mark_decided(session, seq)

    def _decide_for(self, session: Session, *, seq: int, event: ev.Event, policy: Policy, host: str, now_s: float) -> None:
        before = state_of(session, host)
        situation = situation_of(session, policy, host, self._context.settings.stop_file, before)
        decision = step(before, event, situation, now_s)
        _save_state(session, decision.state, next_due_s(decision.state, situation, now_s))
        incident = decision.state.incident or before.incident
        for changed in _changed_incidents(before, decision.state):
            _save_incident(session, changed, host, closed=changed is not decision.state.incident, now_s=now_s)
        if isinstance(event, ev.VerdictChanged) and not _ignored(decision):
            _save_verdict(session, event)
        for command in decision.commands:
            outbox.put(session, command)
        trust.learn(session, decision.learnt)
        about = incident.id if incident is not None else getattr(event, "incident", None)
        session.add(_record(seq, type(event).__name__, host, situation, decision, about))
        self._families.judge_again(session, policy, before, decision.state, now_s)
        if isinstance(event, ev.MassOutageEnded):
            judge_again(session, policy, segment_of(host), now_s)
        elif before.incident is not None or decision.state.incident is not None:
            for turn in self._outages.turns(session, policy, host, decision.state, now_s):
                self._turn(session, turn, policy, now_s)

    def _turn(self, session: Session, turn: Turn, policy: Policy, now_s: float) -> None:
        """A mass outage begins or ends: that is an event too, and is decided with the one that brought it about."""
        seq = inbox.take_in(session, turn)
        self._decide_for(session, seq=seq, event=turn, policy=policy, host=turn.host, now_s=now_s)


def _blames_the_event(error: Exception) -> bool:
    """May the next event fare better? Not where the store or the machine fails, or another engine decides."""
    if isinstance(error, SQLAlchemyError):  # a value that can't be written, or that breaks a rule of the tables
        unwritable = isinstance(error, StatementError) and not isinstance(error, DBAPIError)
        return unwritable or isinstance(error, (DataError, IntegrityError))
    return not isinstance(error, (LeaseLostError, StoreError, OSError, MemoryError))


def _record(  # noqa: PLR0917 - one row, in the order of its columns
    seq: int, kind: str, host: str, situation: Situation, decision: Decision, incident: str | None
) -> DecisionRow:
    return DecisionRow(
        event_seq=seq,
        event_kind=kind,
        at_s=decision.at_s,
        host=host,
        customer=situation.customer.id if situation.customer is not None else None,
        incident=incident,
        version=VERSION,
        policy_version=situation.policy.version,
        reasons=[{"code": str(reason.code), "facts": dict(reason.facts)} for reason in decision.reasons],
        commands=[command.key for command in decision.commands],
    )


def _hosts_of(session: Session, event: ev.Event, policy: Policy) -> Sequence[str]:
    """Whose state machine hears of it: the host it names; for a pause or a hold of many, and a word on a runbook, each that
    has an open incident, and the record of the system itself."""
    match event:
        case ev.HoldSet(host=None) | ev.HoldReleased(host=None):
            return [SYSTEM, *open_hosts(session)]
        case ev.HoldSet() | ev.HoldReleased():
            return [event.host or SYSTEM]
        case ev.PauseSet():
            return _hosts_in(session, event.pause, policy)
        case ev.PauseCancelled() if (pause := overlay.pause_set(session, event.pause)) is not None:
            return _hosts_in(session, pause, policy)
        case ev.PauseCancelled() | ev.ClockStepped():
            return [SYSTEM, *open_hosts(session)]
        case ev.RunbookApproved() | ev.RunbookRevoked() | ev.RunbookRaised():
            return [SYSTEM, *_hosts_with(session, event.runbook, policy)]
        case _:
            return [event.host]


def _hosts_with(session: Session, runbook: str, policy: Policy) -> Sequence[str]:
    """Those with an open incident that the runbook may be for."""
    named = {host.id for host in policy.hosts.values() if runbook in host.procedures.values()}
    return [host for host in open_hosts(session) if host in named]


def _hosts_in(session: Session, pause: Pause, policy: Policy) -> Sequence[str]:
    if pause.host is not None:
        return [pause.host]
    of = {host.id for host in policy.hosts.values() if host.customer == pause.customer}
    return [SYSTEM, *(host for host in open_hosts(session) if host in of)]


def _due(now_s: float) -> SelectOfScalar[HostRow]:
    return select(HostRow).where(col(HostRow.next_due_s) <= now_s).order_by(col(HostRow.host))


def _ignored(decision: Decision) -> bool:
    return any(reason.code in (Code.STALE, Code.NOT_WATCHED) for reason in decision.reasons)


def _changed_incidents(before: HostState, after: HostState) -> list[Incident]:
    changed = [after.incident] if after.incident is not None and after.incident != before.incident else []
    if after.last is not None and after.last != before.last:
        changed.append(after.last)
    return changed


def _save_state(session: Session, state: HostState, due_s: float | None) -> None:
    incident = state.incident.id if state.incident is not None else None
    session.merge(HostRow(host=state.host, state=encode(state), next_due_s=due_s, incident=incident))


def _save_incident(session: Session, incident: Incident, host: str, *, closed: bool, now_s: float) -> None:
    """The incident as people ask for it."""
    worst = incident.worst
    before = session.get(IncidentRow, incident.id)
    level = int(worst.level) if worst is not None else 2
    session.merge(
        IncidentRow(
            id=incident.id,
            number=int(incident.id.rsplit("-", 1)[1]),
            host=host,
            customer=incident.customer,
            level=max(level, before.level) if before is not None else level,
            phase=str(incident.phase),
            fault_at_s=incident.fault_at_s,
            opened_at_s=incident.opened_at_s,
            told=incident.ever_told,
            recovered_at_s=incident.recovered_at_s,
            closed_at_s=now_s if closed else None,
            acknowledged_by=incident.acknowledged_by,
        )
    )


def _save_verdict(session: Session, event: ev.VerdictChanged) -> None:
    before = session.get(VerdictRow, event.check)
    same = before is not None and before.verdict == str(event.verdict)
    session.merge(
        VerdictRow(
            check=event.check,
            host=event.host,
            verdict=str(event.verdict),
            since_s=before.since_s if before is not None and same else event.at_s,
            fault_at_s=event.fault_at_s,
            detail=event.detail,
            value=event.value,
            latency_ms=event.latency_ms,
            limit_passed=encode(event.limit) if event.limit is not None else None,
            order=event.order,
            at_s=event.at_s,
        )
    )

"""inbox -> step -> commit. The only place where incidents move; everything one event brings is one transaction."""

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from sqlalchemy import func
from sqlmodel import Session, col, select

from domain import events as ev
from domain.due import next_due_s
from domain.incident import step
from domain.model import Policy
from domain.reasons import Code
from domain.state import Decision, HostState, Incident, Situation
from engine.context import Context
from engine.situation import open_hosts, situation_of, state_of
from store import inbox, lease, outbox, overlay, policies
from store.codec import encode
from store.tables import Decision as DecisionRow
from store.tables import HostRow, IncidentRow, VerdictRow

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


class Ticker:
    """Decides events one after another, in the order in which they were written down."""

    def __init__(self, context: Context, holder: str) -> None:
        self._context = context
        self._holder = holder

    def once(self) -> int:
        """Decide what is pending (at most a batch) and what time has made due; returns how many events were decided."""
        self._fire_timers()
        with self._context.store.read() as session:
            # before an inventory was accepted nothing can be decided; what was heard waits
            waiting = inbox.pending(session, BATCH) if policies.current(session) is not None else []
        for seq, event in waiting:
            self._decide(seq, event)
        return len(waiting)

    def next_timer_s(self) -> float | None:
        """When the next host wants to be asked again; ``None`` while none does."""
        with self._context.store.read() as session:
            return session.exec(select(func.min(col(HostRow.next_due_s)))).one()

    def _fire_timers(self) -> None:
        now_s = self._context.clock.now_s()
        with self._context.store.read() as session:
            due = [row.host for row in session.exec(select(HostRow).where(col(HostRow.next_due_s) <= now_s))]
            times = {host: _due(session, host) for host in due}
        if not due:
            return
        with self._context.store.write() as session:
            for host in due:
                inbox.insert(session, ev.TimerFired(id=f"timer/{host}/{times[host]!r}", at_s=now_s, host=host))
                row = session.get(HostRow, host)
                if row is not None:
                    row.next_due_s = None
                    session.add(row)

    def _decide(self, seq: int, event: ev.Event) -> None:
        context = self._context
        with context.store.write() as session:
            if not lease.still(session, LEASE, self._holder):
                raise LeaseLostError(f"{self._holder} no longer holds the engine's lease")
            now_s = context.clock.now_s()
            policy = policies.current(session)
            if policy is not None:
                overlay.apply(session, event)
                for host in _hosts_of(session, event, policy):
                    self._decide_for(session, seq=seq, event=event, policy=policy, host=host, now_s=now_s)
            inbox.mark_decided(session, seq)

    def _decide_for(self, session: Session, *, seq: int, event: ev.Event, policy: Policy, host: str, now_s: float) -> None:
        situation = situation_of(session, policy, host, self._context.settings.stop_file)
        before = state_of(session, host)
        decision = step(before, event, situation, now_s)
        _save_state(session, decision.state, next_due_s(decision.state, situation, now_s))
        incident = decision.state.incident or before.incident
        for changed in _changed_incidents(before, decision.state):
            _save_incident(session, changed, host, closed=changed is not decision.state.incident, now_s=now_s)
        if isinstance(event, ev.VerdictChanged) and not _ignored(decision):
            _save_verdict(session, event)
        for command in decision.commands:
            outbox.put(session, command, now_s)
        session.add(_record(seq, event, situation, decision, incident.id if incident is not None else None))


def _record(seq: int, event: ev.Event, situation: Situation, decision: Decision, incident: str | None) -> DecisionRow:
    return DecisionRow(
        event_seq=seq,
        event_kind=type(event).__name__,
        at_s=decision.at_s,
        host=decision.state.host,
        customer=situation.customer.id if situation.customer is not None else None,
        incident=incident or getattr(event, "incident", None),
        version=VERSION,
        policy_version=situation.policy.version,
        reasons=[{"code": str(reason.code), "facts": dict(reason.facts)} for reason in decision.reasons],
        commands=[command.key for command in decision.commands],
    )


def _hosts_of(session: Session, event: ev.Event, policy: Policy) -> Sequence[str]:
    """Whose state machine hears of it: the host it names; for a pause or a hold of many, each that has an open incident,
    and the record of the system itself."""
    match event:
        case ev.HoldSet(host=None) | ev.HoldReleased(host=None):
            return [SYSTEM, *open_hosts(session)]
        case ev.HoldSet() | ev.HoldReleased():
            return [event.host or SYSTEM]
        case ev.PauseSet():
            if event.pause.host is not None:
                return [event.pause.host]
            of = {host.id for host in policy.hosts.values() if host.customer == event.pause.customer}
            return [SYSTEM, *(host for host in open_hosts(session) if host in of)]
        case ev.PauseCancelled():
            return [SYSTEM, *open_hosts(session)]
        case _:
            return [event.host]


def _due(session: Session, host: str) -> float | None:
    row = session.get(HostRow, host)
    return row.next_due_s if row is not None else None


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
            order=event.order,
            at_s=event.at_s,
        )
    )

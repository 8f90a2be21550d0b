"""Follows the wall clock when somebody sets it: the one place where the steady clock, by which everything waits, is moved (P42)."""

import uuid

from sqlmodel import Session, select

from domain import events as ev
from domain.state import HostState
from domain.stepped import moved
from engine.context import Context
from engine.tick import demand_lease, save_incident
from store import inbox, journal, outbox, steady
from store.codec import decode, encode
from store.tables import HostRow


def follow(context: Context, holder: str) -> None:
    """Take the wall clock over where it was set, and move all that waits by as much; tells of it by an event. Raises
    ``LeaseLostError`` when ``holder`` does not decide any more."""
    with context.store.read() as session:
        if steady.stepped_s(session) == 0.0:
            return
    with context.store.write() as session:
        demand_lease(session, holder)
        before_s, by_s = steady.now_s(session), steady.stepped_s(session)
        steady.take_over(session)
        if by_s is None:
            return  # the first engine of this boot: the time in between is not known
        _move(session, by_s)
        now_s = steady.now_s(session)
        event = ev.ClockStepped(id=f"clock/{uuid.uuid4().hex}", at_s=now_s, from_at_s=before_s, to_at_s=now_s)
        inbox.insert(session, event)


def _move(session: Session, by_s: float) -> None:
    outbox.move(session, by_s)
    journal.move(session, by_s)
    for row in session.exec(select(HostRow)).all():
        state = moved(decode(HostState, row.state), by_s)
        row.state = encode(state)
        row.next_due_s = row.next_due_s + by_s if row.next_due_s is not None else None
        if state.incident is not None:
            save_incident(session, state.incident, row.host, closed=False, now_s=steady.now_s(session))

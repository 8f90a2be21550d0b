"""Follows the wall clock when somebody sets it: the one place where the steady clock, by which everything waits, is moved (P42)."""

import uuid
from collections.abc import Callable

from sqlmodel import Session, select

from domain import events as ev
from domain.state import HostState
from domain.stepped import moved, renewed
from engine.context import Context
from engine.tick import demand_lease
from store import heard, inbox, outbox, segments, steady
from store.codec import decode, encode
from store.tables import HostRow


def follow(context: Context, holder: str) -> None:
    """Take the wall clock over where it was set, and move all that waits by as much; tells of it by an event. In a new boot all
    that waits begins anew. Raises ``LeaseLostError`` when ``holder`` does not decide any more."""
    with context.store.read() as session:
        if steady.stepped_s(session) == 0.0:
            return
    with context.store.write() as session:
        demand_lease(session, holder)
        before_s, by_s = steady.now_s(session), steady.stepped_s(session)
        steady.take_over(session)
        now_s = steady.now_s(session)
        if by_s is None:
            outbox.renew_waits(session)
            segments.renew(session, now_s)
            heard.renew(session, now_s)
            _change(session, lambda state: renewed(state, now_s), lambda _: now_s)
            return
        outbox.move(session, by_s)
        segments.move(session, by_s)
        heard.move(session, by_s)
        _change(session, lambda state: moved(state, by_s), lambda due_s: due_s + by_s)
        event = ev.ClockStepped(id=f"clock/{uuid.uuid4().hex}", at_s=now_s, from_at_s=before_s, to_at_s=now_s)
        inbox.insert(session, event)


def _change(session: Session, state: Callable[[HostState], HostState], due_s: Callable[[float], float]) -> None:
    for row in session.exec(select(HostRow)).all():
        row.state = encode(state(decode(HostState, row.state)))
        row.next_due_s = due_s(row.next_due_s) if row.next_due_s is not None else None

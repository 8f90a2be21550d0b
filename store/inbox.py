"""What the engine is told. Anybody inserts; only the engine marks what it has decided."""

from sqlalchemy import bindparam, update
from sqlmodel import Session, col, select

from domain.events import Event
from store.codec import decode_event, encode
from store.db import store_of
from store.rows import insert_new
from store.tables import Inbox

_PENDING = select(Inbox.seq, Inbox.kind, Inbox.payload).where(~col(Inbox.decided)).order_by(col(Inbox.seq))
_DECIDED = update(Inbox).where(col(Inbox.seq) == bindparam("of_seq")).values(decided=True)


def insert(session: Session, event: Event) -> bool:
    """``False``, and nothing changed, when an event of this id is there already."""
    return insert_new(
        session,
        Inbox(
            event_id=event.id,
            kind=type(event).__name__,
            host=getattr(event, "host", None) or "",
            at_s=event.at_s,
            received_s=store_of(session).clock.now_s(),
            payload=encode(event),
        ),
    )


def pending(session: Session, limit: int = 100) -> list[tuple[int, Event]]:
    """What is not decided yet as ``(seq, event)``, in the order of its writing; one writer at a time makes that the order of
    ``seq``. Raises ``KeyError`` or ``ValueError`` for an event that this version can't read."""
    rows = session.exec(_PENDING.limit(limit))
    return [(seq, decode_event(kind, payload)) for seq, kind, payload in rows if seq is not None]


def mark_decided(session: Session, seq: int) -> None:
    session.connection().execute(_DECIDED, {"of_seq": seq})

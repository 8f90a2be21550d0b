"""What the engine is told. Anybody inserts; only the engine marks what it has decided."""

from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import bindparam, func, update
from sqlmodel import Session, col, select

from domain.events import Event
from store.codec import decode_event, encode
from store.db import store_of
from store.rows import insert_new
from store.tables import Inbox

T = TypeVar("T")

_PENDING = select(Inbox.seq, Inbox.kind, Inbox.payload).where(~col(Inbox.decided)).order_by(col(Inbox.seq))
_DECIDED = update(Inbox).where(col(Inbox.seq) == bindparam("of_seq")).values(decided=True)

ERROR_MAX = 200


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What stands where an event should: a kind that this version does not know, or words that are no event of its kind."""

    kind: str
    error: str


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


def take_in(session: Session, event: Event) -> int:
    """An event that is decided in the same transaction: its place in the order."""
    insert(session, event)
    row = session.exec(select(Inbox).where(Inbox.event_id == event.id)).one()
    row.decided = True
    return row.seq or 0


def pending(session: Session, limit: int = 100) -> list[tuple[int, Event | Unreadable]]:
    """What is not decided yet as ``(seq, event)``, in the order of its writing; one writer at a time makes that the order of
    ``seq``."""
    return [(seq, _read(kind, payload)) for seq, kind, payload in session.exec(_PENDING.limit(limit)) if seq is not None]


def undecided(session: Session, kind: type[T]) -> list[T]:
    """All events of one kind that are not decided yet, in the order of their writing; those that can't be read are left out."""
    found = [_read(name, payload) for _, name, payload in session.exec(_PENDING.where(col(Inbox.kind) == kind.__name__))]
    return [event for event in found if isinstance(event, kind)]


def _read(kind: str, payload: str) -> Event | Unreadable:
    try:
        return decode_event(kind, payload)
    except (KeyError, ValueError) as error:
        return Unreadable(kind, said(error))


def mark_decided(session: Session, seq: int) -> None:
    session.connection().execute(_DECIDED, {"of_seq": seq})


def set_aside(session: Session, seq: int, error: str) -> Inbox:
    """This one can't be decided: it is kept with the reason, and not tried again. Returns it as it was written."""
    row = session.exec(select(Inbox).where(Inbox.seq == seq)).one()
    row.decided, row.set_aside = True, error
    return row


def count_set_aside(session: Session) -> int:
    return session.exec(select(func.count()).select_from(Inbox).where(col(Inbox.set_aside).is_not(None))).one()


def said(error: Exception) -> str:
    """An error in one line. Of what it says, only the first: what follows may repeat the event, which is other people's words."""
    first, *_ = [*str(error).splitlines(), ""]
    return f"{type(error).__name__}: {first}"[:ERROR_MAX]

"""What operators change while the engine runs, beside the inventory: holds and pauses. Rows are ended, never deleted."""

from sqlalchemy import update
from sqlmodel import Session, col, select

from domain.events import Event, HoldReleased, HoldSet, PauseCancelled, PauseSet
from domain.pauses import Pause
from store import inbox
from store.codec import decode, encode
from store.tables import HoldRow, Inbox, PauseRow

EVERY_HOST = ""
"""In ``holds``: nothing is done anywhere."""

_PAUSES = select(PauseRow.payload).where(col(PauseRow.cancelled_s).is_(None)).order_by(col(PauseRow.set_s), col(PauseRow.event_id))
_HOLDS_ASKED = select(Inbox.host).where(~col(Inbox.decided), col(Inbox.kind) == HoldSet.__name__)
_HOLDS = select(HoldRow.host).where(col(HoldRow.released_s).is_(None))


def apply(session: Session, event: Event) -> None:
    """Write down what a hold or pause event changes; other events change nothing, and the same one twice is once."""
    match event:
        case HoldSet() if session.get(HoldRow, event.id) is None:
            session.add(
                HoldRow(event_id=event.id, host=event.host or EVERY_HOST, set_by=event.by, set_s=event.at_s, reason=event.reason)
            )
        case HoldReleased():
            session.exec(
                update(HoldRow)
                .where(col(HoldRow.host) == (event.host or EVERY_HOST), col(HoldRow.released_s).is_(None))
                .values(released_by=event.by, released_s=event.at_s, release_reason=event.reason)
            )
        case PauseSet() if session.get(PauseRow, event.id) is None:
            _cancel(session, event.pause.id, event.by, event.at_s)  # setting a pause again replaces it
            session.add(
                PauseRow(event_id=event.id, pause=event.pause.id, payload=encode(event.pause), set_by=event.by, set_s=event.at_s)
            )
        case PauseCancelled():
            _cancel(session, event.pause, event.by, event.at_s)


def pauses(session: Session) -> tuple[Pause, ...]:
    """Pauses set here and not cancelled, oldest first; the inventory's own are in ``Policy.pauses``."""
    return tuple(decode(Pause, payload) for payload in session.exec(_PAUSES))


def pause_set(session: Session, pause: str) -> Pause | None:
    """The pause that was last set under this id, cancelled or not."""
    last = (
        select(PauseRow.payload).where(PauseRow.pause == pause).order_by(col(PauseRow.set_s).desc(), col(PauseRow.event_id).desc())
    )
    payload = session.exec(last.limit(1)).first()
    return decode(Pause, payload) if payload is not None else None


def holds(session: Session) -> frozenset[str]:
    """Hosts on which nothing may be done (``EVERY_HOST`` among them: on none)."""
    return frozenset(session.exec(_HOLDS))


def open_holds(session: Session) -> list[HoldRow]:
    """Each hold that is not released, with who set it and why; oldest first."""
    return list(session.exec(select(HoldRow).where(col(HoldRow.released_s).is_(None)).order_by(col(HoldRow.set_s))))


def holds_asked(session: Session) -> frozenset[str]:
    """As ``holds``: those that were asked for and that no engine has taken in yet: to stop, nobody need wait for it."""
    return frozenset(session.exec(_HOLDS_ASKED))


def pauses_asked(session: Session) -> tuple[Pause, ...]:
    """Pauses that no engine has taken in yet, as ``holds_asked``."""
    return tuple(event.pause for event in inbox.undecided(session, PauseSet))


def _cancel(session: Session, pause: str, by: str, at_s: float) -> None:
    session.exec(
        update(PauseRow)
        .where(col(PauseRow.pause) == pause, col(PauseRow.cancelled_s).is_(None))
        .values(cancelled_by=by, cancelled_s=at_s)
    )

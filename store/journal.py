"""What was attempted, and how it ended. Intents are written by ``store.admit``."""

from sqlalchemy import func, update
from sqlmodel import Session, col, select

from store.tables import Attempt


def attempts(session: Session, command: str) -> list[Attempt]:
    """All attempts of a command (by key), oldest first."""
    rows = session.exec(select(Attempt).where(Attempt.command == command).order_by(col(Attempt.number)))
    return list(rows)


def next_number(session: Session, command: str) -> int:
    """The number that the next attempt of a command gets."""
    last = session.exec(select(func.max(Attempt.number)).where(Attempt.command == command)).one()
    return (last or 0) + 1


def settle(session: Session, attempt_id: str, outcome: str, detail: str, now_s: float) -> bool:
    """Say how an attempt ended; said once. ``False`` when it was said before: the first word stands."""
    settled = session.exec(
        update(Attempt)
        .where(col(Attempt.id) == attempt_id, col(Attempt.outcome).is_(None))
        .values(outcome=outcome, detail=detail, ended_s=now_s)
    )
    return settled.rowcount == 1

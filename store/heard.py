"""What others said of checks that only listen."""

from sqlalchemy import update
from sqlmodel import Session, col, delete, func, select

from store.tables import HeardRow


def say(session: Session, row: HeardRow) -> None:
    """Instead of what was said of the same before. What is written last was said last, whatever the clock was set to."""
    session.merge(row)


def has_room(session: Session, check: str, about: str, most: int) -> bool:
    """May this be said of the check, where so many things at most may stand?"""
    if session.get(HeardRow, (check, about)) is not None:
        return True
    return session.exec(select(func.count()).where(col(HeardRow.check) == check)).one() < most


def is_over(session: Session, check: str, about: str) -> None:
    session.exec(delete(HeardRow).where(col(HeardRow.check) == check, col(HeardRow.about) == about))


def everything(session: Session) -> list[HeardRow]:
    return list(session.exec(select(HeardRow).order_by(col(HeardRow.check), col(HeardRow.about))))


def move(session: Session, by_s: float) -> None:
    """The clock was set by so much: whoever is waited for has as long as before."""
    session.exec(update(HeardRow).values(at_s=col(HeardRow.at_s) + by_s))


def renew(session: Session, now_s: float) -> None:
    """The machine began anew, and could not be told anything meanwhile: every wait begins anew."""
    session.exec(update(HeardRow).values(at_s=now_s))

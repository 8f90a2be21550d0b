"""Which hosts can't be reached at the moment, by segment, and which segments are in a mass outage (R26)."""

from sqlalchemy import func, update
from sqlmodel import Session, col, select

from domain import mass
from domain.model import Policy
from domain.state import HostState
from store.codec import decode
from store.tables import HostRow, UnreachableRow


def note(session: Session, host: str, segment: str | None, unreachable: bool | None, now_s: float) -> tuple[str, ...]:
    """Write down whether a host can be reached (``None``: as before; without a segment it is not watched); returns the segments
    whose count that changes."""
    row = session.get(UnreachableRow, host)
    lost = segment is not None and (row is not None if unreachable is None else unreachable)
    if row is None:
        if not lost or segment is None:
            return ()
        session.add(UnreachableRow(host=host, segment=segment, since_s=now_s))
        return (segment,)
    before = row.segment
    if not lost or segment is None:
        session.delete(row)
        return (before,)
    row.segment = segment
    return (before, segment) if segment != before else ()


def count(session: Session, segment: str, since_s: float = float("-inf")) -> int:
    """How many hosts of a segment can't be reached, of those that could before ``since_s``."""
    query = select(func.count()).select_from(UnreachableRow).where(UnreachableRow.segment == segment)
    return session.exec(query.where(col(UnreachableRow.since_s) > since_s) if since_s > float("-inf") else query).one()


def outage_until_s(session: Session, policy: Policy, segment: str) -> float | None:
    """While the segment is in a mass outage: until when what is held back waits for its end (``mass.until_s``)."""
    query = select(HostRow.state).where(HostRow.host == mass.of_segment(segment), col(HostRow.incident).is_not(None))
    text = session.exec(query).first()
    return mass.until_s(decode(HostState, text), policy.limits.mass_outage) if text is not None else None


def move(session: Session, by_s: float) -> None:
    """The clock was set by so much."""
    session.exec(update(UnreachableRow).values(since_s=col(UnreachableRow.since_s) + by_s))


def renew(session: Session, now_s: float) -> None:
    """The machine began anew: nothing lies in the future."""
    session.exec(update(UnreachableRow).where(col(UnreachableRow.since_s) > now_s).values(since_s=now_s))

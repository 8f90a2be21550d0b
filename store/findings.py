"""What an attempt saw on a host and keeps for people: a journal's end, what a file system check said. Bounded, never deleted."""

from sqlalchemy import func
from sqlmodel import Session, col, select

from domain.commands import Run
from store.tables import Attempt, FindingRow

TEXT_MAX_BYTES = 256 * 1024
NAME_MAX = 60
PER_ATTEMPT = 16
_CUT = "\n[… cut off here]\n"


def keep(session: Session, run: Run, step: str, *, name: str, text: str, now_s: float) -> bool:
    """Keep a text with the attempt of ``step`` that is open and with its incident; one of the same name takes its place.
    ``False`` where there is none, or it has kept as many as it may. A text that is too long loses its end."""
    of_step = select(Attempt.id).where(Attempt.command == run.key, Attempt.step == step, col(Attempt.outcome).is_(None))
    attempt = session.exec(of_step.order_by(col(Attempt.number).desc())).first()
    if attempt is None:
        return False
    name, text = name[:NAME_MAX], _bounded(text)
    row = session.exec(select(FindingRow).where(FindingRow.attempt == attempt, FindingRow.name == name)).first()
    if row is not None:
        row.text, row.at_s = text, now_s
        session.add(row)
        return True
    if session.exec(select(func.count()).select_from(FindingRow).where(FindingRow.attempt == attempt)).one() >= PER_ATTEMPT:
        return False
    session.add(FindingRow(attempt=attempt, incident=run.incident, host=run.host, step=step, name=name, text=text, at_s=now_s))
    return True


def of_incident(session: Session, incident: str) -> list[FindingRow]:
    """All that was kept with an incident, oldest first."""
    return list(session.exec(select(FindingRow).where(FindingRow.incident == incident).order_by(col(FindingRow.seq))))


def of_host(session: Session, host: str, attempts: int) -> list[FindingRow]:
    """What the last so many attempts on a host kept, in an incident or not, oldest first."""
    last = select(FindingRow.attempt).where(FindingRow.host == host).group_by(FindingRow.attempt)
    newest = last.order_by(func.max(FindingRow.seq).desc()).limit(attempts)
    return list(session.exec(select(FindingRow).where(col(FindingRow.attempt).in_(newest)).order_by(col(FindingRow.seq))))


def _bounded(text: str) -> str:
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= TEXT_MAX_BYTES:
        return text
    return encoded[: TEXT_MAX_BYTES - len(_CUT.encode())].decode("utf-8", "ignore") + _CUT

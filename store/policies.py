"""Accepted inventories, kept for ever by content hash; one is current."""

from sqlalchemy import update
from sqlmodel import Session, col, select

from domain.model import Policy
from store.codec import decode
from store.db import store_of
from store.tables import PolicyRow

_KEPT = 8
"""Decoded policies that a process remembers."""

_CURRENT = select(PolicyRow.version).where(PolicyRow.current)


def accept(session: Session, version: str, document: str, source: str, now_s: float) -> None:
    """Make ``document`` (a ``Policy`` by codec) the current inventory. A version that was accepted before becomes current again,
    as it was."""
    row = session.get(PolicyRow, version)
    if row is not None and row.current:
        return
    session.exec(update(PolicyRow).where(col(PolicyRow.current)).values(current=False))
    if row is None:
        session.add(PolicyRow(version=version, document=document, accepted_s=now_s, source=source, current=True))
    else:
        row.current, row.accepted_s, row.source = True, now_s, source


def found_again(session: Session, version: str, now_s: float) -> None:
    """The files say what is current already, and said something else in between."""
    session.exec(update(PolicyRow).where(col(PolicyRow.version) == version).values(accepted_s=now_s))


def accepted_s(session: Session) -> float | None:
    """When the files were last found to say what is current now, after saying something else."""
    return session.exec(select(PolicyRow.accepted_s).where(PolicyRow.current)).first()


def source(session: Session) -> str | None:
    """The folder that the current version came from."""
    return session.exec(select(PolicyRow.source).where(PolicyRow.current)).first()


def current(session: Session) -> Policy | None:
    """The inventory that holds; ``None`` before the first."""
    version = session.exec(_CURRENT).first()
    return get(session, version) if version is not None else None


def get(session: Session, version: str) -> Policy | None:
    store = store_of(session)
    with store.decoding:
        known = store.policies
        if version in known:
            return known[version]
        document = session.exec(select(PolicyRow.document).where(PolicyRow.version == version)).first()
        if document is None:
            return None
        while len(known) >= _KEPT:
            known.pop(next(iter(known)))
        policy = known[version] = decode(Policy, document)
    return policy

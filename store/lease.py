"""Who is the one process that may do what only one may do (deciding, above all)."""

from sqlmodel import Session

from store.db import LEASE_MAX_S, Store, lease_now_s
from store.tables import Lease


def take(store: Store, name: str, holder: str, ttl_s: float) -> bool:
    """Take or prolong a lease for ``ttl_s`` (at most ``LEASE_MAX_S``); ``False`` while another holds it. ``holder`` names one life
    of one process."""
    with store.write() as session:
        now = lease_now_s(session)
        row = session.get(Lease, name)
        if row is None:
            session.add(Lease(name=name, holder=holder, until_s=now + ttl_s))
            return True
        if row.holder != holder:
            if now < row.until_s <= now + LEASE_MAX_S:
                return False
            row.holder, row.token = holder, row.token + 1
        row.until_s = now + ttl_s
        return True


def still(session: Session, name: str, holder: str) -> bool:
    """Is it ours, now? Asked inside the transaction it protects: as nobody else can write until that ends, the answer holds."""
    row = session.get(Lease, name)
    return row is not None and row.holder == holder and row.until_s > lease_now_s(session)


def free(session: Session, name: str) -> bool:
    """Is it nobody's, now? Holds as long as the transaction, as ``still`` does."""
    row = session.get(Lease, name)
    return row is None or row.until_s <= lease_now_s(session)


def drop(store: Store, name: str, holder: str) -> None:
    """Give it back, so that a successor need not wait."""
    with store.write() as session:
        row = session.get(Lease, name)
        if row is not None and row.holder == holder:
            row.until_s = 0.0

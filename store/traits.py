"""What was found out about a host at a login, and holds until the host is another one: which init it has, which panel."""

import hashlib

from sqlmodel import Session, col, delete, select

from domain.model import Host
from store.codec import encode
from store.tables import TraitRow

GOOD_S = 7 * 86_400.0
"""How long what was found is believed; then it is looked for again: a host may have been set up anew under its old keys."""
VALUE_MAX = 200


def identity(host: Host) -> str:
    """Names the machine that is logged in to: another address or login, and it may be another one."""
    return hashlib.sha256(encode([host.address, host.ssh]).encode()).hexdigest()[:16]


def known(session: Session, host: Host, now_s: float) -> list[TraitRow]:
    """What is known of this very machine and not too old, by name."""
    query = select(TraitRow).where(
        TraitRow.host == host.id, TraitRow.identity == identity(host), col(TraitRow.found_s) > now_s - GOOD_S
    )
    return list(session.exec(query.order_by(col(TraitRow.name))))


def remember(session: Session, host: Host, name: str, value: str, now_s: float) -> None:
    """Take the place of what was known under this name, and forget what was known of another machine."""
    of_host = delete(TraitRow).where(col(TraitRow.host) == host.id)
    session.exec(of_host.where((col(TraitRow.identity) != identity(host)) | (col(TraitRow.name) == name)))
    session.add(TraitRow(host=host.id, name=name, value=value[:VALUE_MAX], identity=identity(host), found_s=now_s))

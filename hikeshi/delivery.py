"""What came of the messages that were ordered, for who asks how things stand."""

from collections import defaultdict
from collections.abc import Collection
from enum import StrEnum
from typing import Any

from sqlmodel import Session, col, select

from domain.commands import Notify
from engine import history
from hikeshi.show import counted
from store import steady
from store.tables import CommandRow

_MESSAGE = col(CommandRow.kind) == Notify.__name__
_OPEN = col(CommandRow.done_s).is_(None)


class Delivery(StrEnum):
    """How far an incident's messages to its customer came; the next server's word counts, not ours."""

    SILENT = "silent"
    ON_ITS_WAY = "on its way"
    TOLD = "told"
    FAILED = "failed"


def of_incidents(session: Session, incidents: Collection[str]) -> dict[str, Delivery]:
    """By incident; one that never had a message for its customer is ``SILENT``."""
    query = select(CommandRow.incident, CommandRow.to, CommandRow.outcome).where(_MESSAGE, col(CommandRow.incident).in_(incidents))
    outcomes: dict[str, set[str | None]] = defaultdict(set)
    for incident, to, outcome in session.exec(query):
        if incident is not None and str(to).split("/")[1] == "customer":
            outcomes[incident].add(outcome)
    return {incident: _furthest(outcomes[incident]) for incident in incidents}


def _furthest(outcomes: Collection[str | None]) -> Delivery:
    if not outcomes:
        return Delivery.SILENT
    if "sent" in outcomes:
        return Delivery.TOLD
    return Delivery.ON_ITS_WAY if None in outcomes else Delivery.FAILED


def undelivered(session: Session) -> dict[str, Any] | None:
    """The messages of which a try failed, and those that wait behind them; ``None``: there are none. ``oldest_s``: when the oldest
    was ordered; ``next_s``: when the next of them is tried."""
    tried = list(session.exec(select(CommandRow).where(_MESSAGE, _OPEN, col(CommandRow.detail) != "")))
    if not tried:
        return None
    queues = {row.queue for row in tried}
    behind = session.exec(select(CommandRow.queue, CommandRow.created_s).where(_MESSAGE, _OPEN))
    created_s = [at_s for queue, at_s in behind if queue in queues]
    return {
        "messages": len(created_s),
        "oldest_s": min(created_s),
        "error": max(tried, key=lambda row: (row.created_s, row.key)).detail,
        "next_s": max(steady.now_s(session), min(row.not_before_s for row in tried)),
    }


def said_of_undelivered(found: dict[str, Any], zone: str) -> str:
    many = found["messages"] != 1
    oldest, following = history.local(found["oldest_s"], zone), history.local(found["next_s"], zone)
    return (
        f"{counted(found['messages'], 'messages')} could not be delivered yet, {'the oldest ' if many else ''}since {oldest}, "
        f"last error: {found['error']}; next try at {following}"
    )

"""An incident as its records tell it: what people read in ``explain``, in the flow run's artifact and in the report."""

import heapq
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, or_, select

from domain.commands import Facts, Notify
from domain.model import Language
from domain.reasons import SPEC, Code
from engine.context import Context
from notify.reasons import explain
from store import outbox
from store.codec import decode
from store.tables import CommandRow, Decision

QUIET = frozenset({Code.NO_CHANGE, Code.STALE})
"""Said only to who asks for everything."""

_ENDS = {outbox.SENT: Code.DELIVERED, outbox.NOT_NEEDED: Code.NOT_NEEDED}
"""What a message's outcome is called among the reasons."""


@dataclass(frozen=True, slots=True)
class Line:
    """One reason of one decision, or one delivery (``decision`` is 0), in words. ``spec`` is the source it cites."""

    at_s: float
    code: Code
    text: str
    spec: str
    event: str
    facts: Facts
    decision: int


def of_incident(session: Session, incident: str, language: Language, zone: str) -> list[Line]:
    """What was decided about an incident, oldest first."""
    rows = session.exec(select(Decision).where(Decision.incident == incident).order_by(col(Decision.seq))).all()
    return [line for row in rows for line in of_decision(row, language, zone)]


def of_host(session: Session, host: str, language: Language, zone: str, limit: int = 50) -> list[Line]:
    """The last decisions about a host, oldest first."""
    rows = session.exec(select(Decision).where(Decision.host == host).order_by(col(Decision.seq).desc()).limit(limit)).all()
    return [line for row in reversed(rows) for line in of_decision(row, language, zone)]


def with_deliveries(session: Session, subject: str, lines: Sequence[Line], language: Language, zone: str) -> list[Line]:
    """The lines, and between them the messages about that incident or host that the next server took, when it took them, and
    those that were no longer needed when their turn came: a decision only queues a message."""
    about = or_(col(CommandRow.incident) == subject, col(CommandRow.host) == subject)
    since_s = lines[0].at_s if lines else 0.0
    sent = select(CommandRow).where(
        about, CommandRow.kind == "Notify", col(CommandRow.outcome).in_(_ENDS), col(CommandRow.done_s) >= since_s
    )
    rows = session.exec(sent.order_by(col(CommandRow.done_s), col(CommandRow.seq))).all()
    return list(heapq.merge(lines, (_delivery(row, language, zone) for row in rows), key=lambda line: line.at_s))


def _delivery(row: CommandRow, language: Language, zone: str) -> Line:
    notify = decode(Notify, row.payload)
    facts: Facts = {
        "recipient": notify.recipient,
        "message": str(notify.message),
        "channel": notify.channel,
        "detail": row.detail,
    }
    code = _ENDS[row.outcome or outbox.SENT]
    return Line(row.done_s or 0.0, code, explain(code, facts, language, zone), SPEC[code], "", facts, 0)


def markdown(context: Context, incident: str, language: Language = "en", zone: str = "Asia/Tokyo") -> str:
    """The timeline as a Markdown table, for the flow run's first artifact."""
    with context.store.read() as session:
        lines = with_deliveries(session, incident, of_incident(session, incident, language, zone), language, zone)
    return table(incident, [line for line in lines if line.code not in QUIET], zone)


def table(title: str, lines: Iterable[Line], zone: str) -> str:
    """The lines as Markdown. What they say is shown as it is, whatever it holds."""
    rows = [f"| {local(line.at_s, zone)} | {_cell(line.text)} | {line.spec} |" for line in lines]
    return "\n".join([f"# {title}", "", "| time | what | source |", "|---|---|---|", *rows])


def local(at_s: float, zone: str) -> str:
    """A time as its reader's clock shows it, to the second."""
    return datetime.fromtimestamp(at_s, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S %z")


def of_decision(row: Decision, language: Language, zone: str) -> list[Line]:
    found = []
    for reason in row.reasons:
        code, facts = Code(reason["code"]), facts_of(reason)
        text = explain(code, facts, language, zone)
        found.append(Line(row.at_s, code, text, SPEC[code], row.event_kind, facts, row.seq or 0))
    return found


def facts_of(reason: Mapping[str, Any]) -> Facts:
    """A stored reason's facts as the domain has them: JSON knows no tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in reason["facts"].items()}


_MARKUP = re.compile(r"[\\`*_\[\]<>&|~@]|(?<=[a-z]):(?=//)|(?<=www)\.", re.IGNORECASE)
"""What Markdown, with its tables and its links made of bare addresses, would take for more than text."""


def _cell(text: str) -> str:
    """One line of text as the cell of a table: labels, notes and what probes heard are shown, never obeyed."""
    return _MARKUP.sub(r"\\\g<0>", " ".join(text.split()))

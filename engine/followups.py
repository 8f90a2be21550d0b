"""What follows from a flow run's own work and prefers it: its messages and its report, so that the whole story is one run in
the UI. What it leaves undone, hands does after ten seconds."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlmodel import col, select

from domain.commands import Notify
from engine.context import Context
from engine.reporting import write_report
from engine.sending import send_one
from store.codec import decode
from store.tables import CommandRow


@dataclass(frozen=True, slots=True)
class Followup:
    """One command that prefers this flow run."""

    context: Context
    key: str
    kind: str
    title: str
    claimer: str

    def perform(self) -> str:
        """Do it, if nobody else has; says how it went."""
        if self.kind == "Notify":
            return send_one(self.context, self.claimer, self.key)
        return write_report(self.context, self.key, self.claimer)


def followups(context: Context, claimer: str) -> Iterator[Followup]:
    """Open commands that prefer ``claimer``, oldest first."""
    with context.store.read() as session:
        rows = session.exec(
            select(CommandRow)
            .where(CommandRow.prefer == claimer, col(CommandRow.done_s).is_(None), col(CommandRow.kind) != "Run")
            .order_by(col(CommandRow.seq))
        ).all()
    for row in rows:
        yield Followup(context, row.key, row.kind, _title(row), claimer)


def _title(row: CommandRow) -> str:
    if row.kind == "Notify":
        notify = decode(Notify, row.payload)
        return f"{notify.channel}: {notify.message} to {notify.recipient}"
    return f"report: {row.incident}"

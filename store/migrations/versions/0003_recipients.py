"""Whom a message is for, in a column: what the storm rule (R9) asks before every mail no longer reads every message.

Queues are named by it as well, so that an operator and a contact of the same id don't wait for each other.
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_COMMAND = sa.table("command", *(sa.column(name) for name in ("seq", "kind", "incident", "queue", "to", "payload", "done_s")))


def upgrade() -> None:
    op.add_column("command", sa.Column("to", sa.Text(), nullable=True))
    connection = op.get_bind()
    waiting = sa.select(_COMMAND).where(_COMMAND.c.kind == "Notify", _COMMAND.c.done_s.is_(None))
    for row in connection.execute(waiting).all():
        to = _to(json.loads(row.payload))
        queue = row.queue if row.incident is None else f"{row.incident}/{to}"
        connection.execute(sa.update(_COMMAND).where(_COMMAND.c.seq == row.seq).values(to=to, queue=queue))
    named = sa.text('"to" IS NOT NULL')
    op.create_index("command_to", "command", ["to", "done_s"], sqlite_where=named, postgresql_where=named)
    op.drop_index("command_done", "command")


def _to(said: dict[str, str | dict[str, str]]) -> str:
    facts = said["facts"]
    owner = facts.get("customer") or "" if said["audience"] == "customer" and isinstance(facts, dict) else ""
    return f"{said['channel']}/{said['audience']}/{owner}/{said['recipient']}"

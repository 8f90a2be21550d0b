"""The tables as they were at the beginning. There is no way down: going back is restoring a backup.

Written out and never changed: it does not follow ``store.tables``.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _boot()
    _command()
    _hold()
    _host()
    _inbox()
    _incident()
    _lease()
    _pause()
    _policy()
    _verdict()
    _watcher()
    _attempt()
    _decision()


def _seq() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _only(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _boot() -> None:
    op.create_table(
        "boot",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("boot_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _command() -> None:
    op.create_table(
        "command",
        sa.Column("seq", _seq(), autoincrement=True, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("incident", sa.Text(), nullable=True),
        sa.Column("host", sa.Text(), nullable=True),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("created_s", sa.Float(), nullable=False),
        sa.Column("not_before_s", sa.Float(), nullable=False),
        sa.Column("prefer", sa.Text(), nullable=True),
        sa.Column("flow_run", sa.Text(), nullable=True),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("lease_until_s", sa.Float(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("done_s", sa.Float(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("key"),
        sqlite_autoincrement=True,
    )
    op.create_index("command_open", "command", ["kind", "seq"], **_only("done_s IS NULL"))
    op.create_index("command_done", "command", ["done_s"])
    op.create_index("command_queue", "command", ["queue", "seq"], **_only("done_s IS NULL"))
    op.create_index("ix_command_host", "command", ["host"])
    op.create_index("ix_command_incident", "command", ["incident"])


def _hold() -> None:
    op.create_table(
        "hold",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_s", sa.Float(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("released_by", sa.Text(), nullable=True),
        sa.Column("released_s", sa.Float(), nullable=True),
        sa.Column("release_reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index("ix_hold_host", "hold", ["host"])


def _host() -> None:
    op.create_table(
        "host",
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("next_due_s", sa.Float(), nullable=True),
        sa.Column("incident", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("host"),
    )
    op.create_index("ix_host_next_due_s", "host", ["next_due_s"])


def _inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("seq", _seq(), autoincrement=True, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("at_s", sa.Float(), nullable=False),
        sa.Column("received_s", sa.Float(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("decided", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("event_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("inbox_pending", "inbox", ["seq"], **_only("NOT decided"))
    op.create_index("ix_inbox_host", "inbox", ["host"])


def _incident() -> None:
    op.create_table(
        "incident",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("fault_at_s", sa.Float(), nullable=False),
        sa.Column("opened_at_s", sa.Float(), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.Column("recovered_at_s", sa.Float(), nullable=True),
        sa.Column("closed_at_s", sa.Float(), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("number"),
    )
    op.create_index("ix_incident_host", "incident", ["host"])


def _lease() -> None:
    op.create_table(
        "lease",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until_s", sa.Float(), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _pause() -> None:
    op.create_table(
        "pause",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("pause", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_s", sa.Float(), nullable=False),
        sa.Column("cancelled_by", sa.Text(), nullable=True),
        sa.Column("cancelled_s", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index("ix_pause_pause", "pause", ["pause"])


def _policy() -> None:
    op.create_table(
        "policy",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("accepted_s", sa.Float(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("version"),
    )
    op.create_index("policy_current", "policy", ["current"], unique=True, **_only("current"))


def _verdict() -> None:
    op.create_table(
        "verdict",
        sa.Column("check", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("since_s", sa.Float(), nullable=False),
        sa.Column("fault_at_s", sa.Float(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("latency_ms", sa.Float(), nullable=True),
        sa.Column("ordinal", sa.BigInteger(), nullable=True),
        sa.Column("at_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("check"),
    )
    op.create_index("ix_verdict_host", "verdict", ["host"])


def _watcher() -> None:
    op.create_table(
        "watcher",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("seen_s", sa.Float(), nullable=False),
        sa.Column("lag_ms", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _attempt() -> None:
    op.create_table(
        "attempt",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("claimer", sa.Text(), nullable=False),
        sa.Column("intent_s", sa.Float(), nullable=False),
        sa.Column("intent_boot_s", sa.Float(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("ended_s", sa.Float(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("command_line", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["command"],
            ["command.key"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("attempt_unsettled", "attempt", ["host"], **_only("outcome IS NULL"))
    op.create_index("ix_attempt_command", "attempt", ["command"])
    op.create_index("ix_attempt_host", "attempt", ["host"])


def _decision() -> None:
    op.create_table(
        "decision",
        sa.Column("seq", _seq(), autoincrement=True, nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.Column("event_kind", sa.Text(), nullable=False),
        sa.Column("at_s", sa.Float(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=True),
        sa.Column("incident", sa.Text(), nullable=True),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("policy_version", sa.Text(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("commands", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_seq"],
            ["inbox.seq"],
        ),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_decision_event_seq", "decision", ["event_seq"])
    op.create_index("ix_decision_host", "decision", ["host"])
    op.create_index("ix_decision_incident", "decision", ["incident"])

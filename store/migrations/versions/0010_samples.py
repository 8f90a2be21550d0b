"""Samples in the same database, on PostgreSQL; what the watcher could not keep of them."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
MONTHS = ["value", "latency_ms", "value_days", "latency_ms_days"]


def upgrade() -> None:
    op.add_column("watcher", sa.Column("unkept", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("watcher", sa.Column("lost", sa.Integer(), nullable=False, server_default="0"))
    if op.get_bind().dialect.name != "postgresql":
        return  # a file of their own
    op.create_table(
        "sample_series",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=True),
        sa.Column("check_id", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("used_day", sa.Integer(), nullable=False),
        sa.UniqueConstraint("check_id", "customer"),
    )
    op.create_table(
        "sample_recent",
        sa.Column("seq", sa.BigInteger(), primary_key=True, autoincrement=True),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("first_s", sa.BigInteger(), nullable=False),
        sa.Column("last_s", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "sample_day",
        sa.Column("key", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("upto", sa.BigInteger(), nullable=False),
        sa.Column("rolled", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
    )
    op.create_index("sample_day_unrolled", "sample_day", ["key"], postgresql_where=sa.text("rolled = 0"))
    op.create_table(
        "sample_month",
        sa.Column("key", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("latency_ms", sa.LargeBinary(), nullable=False),
        sa.Column("value_days", sa.LargeBinary(), nullable=False),
        sa.Column("latency_ms_days", sa.LargeBinary(), nullable=False),
    )
    for table, columns in {"sample_recent": ["data"], "sample_day": ["data"], "sample_month": MONTHS}.items():
        for column in columns:
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STORAGE EXTERNAL")  # it is compressed already

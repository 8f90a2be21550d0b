"""Which attempts were power actions, and what their hosts hung on: both are counted against limits (R26)."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("attempt", sa.Column("effect", sa.Text(), nullable=False, server_default="change"))
    op.add_column("attempt", sa.Column("parent", sa.Text(), nullable=True))
    power = sa.text("effect = 'power'")
    op.create_index("attempt_power", "attempt", ["intent_s"], sqlite_where=power, postgresql_where=power)

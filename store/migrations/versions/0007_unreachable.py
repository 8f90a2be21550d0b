"""Which hosts can't be reached, by segment: a mass outage is counted by it (R26)."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "unreachable",
        sa.Column("host", sa.Text(), primary_key=True),
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("since_s", sa.Float(), nullable=False),
    )
    op.create_index("unreachable_segment", "unreachable", ["segment", "since_s"])

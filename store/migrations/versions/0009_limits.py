"""Which limit a value has passed."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("verdict", sa.Column("limit_passed", sa.Text(), nullable=True))

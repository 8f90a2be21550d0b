"""Which steps a rehearsal has not reached."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("rehearsal", sa.Column("unreached", sa.Text(), nullable=False, server_default=""))

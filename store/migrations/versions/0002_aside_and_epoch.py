"""Events that could not be decided are kept with the reason; the wall clock that waits are counted by is kept with the boot."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("inbox", sa.Column("set_aside", sa.Text(), nullable=True))
    op.create_index(
        "inbox_set_aside",
        "inbox",
        ["seq"],
        sqlite_where=sa.text("set_aside IS NOT NULL"),
        postgresql_where=sa.text("set_aside IS NOT NULL"),
    )
    op.add_column("boot", sa.Column("epoch_s", sa.Float(), nullable=True))

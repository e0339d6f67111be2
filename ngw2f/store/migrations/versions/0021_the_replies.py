"""Which message a message answers. It may be deleted since, so it is not a reference."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

TABLES = ("messages", "deleted_messages")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("reply_to", sa.Integer(), nullable=True))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "reply_to")

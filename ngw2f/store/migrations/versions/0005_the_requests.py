"""Which request posted a message, so that the job's log can name it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "messages",
        sa.Column("request_id", sa.String(length=128), server_default="", nullable=False),
    )


def downgrade() -> None:
    op.drop_column("messages", "request_id")

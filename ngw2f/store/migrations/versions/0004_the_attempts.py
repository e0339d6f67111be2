"""How often rendering a message has failed, so that one that kills workers is given up."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_messages_outbox", "messages")
    op.add_column(
        "messages", sa.Column("attempts", sa.Integer(), server_default="0", nullable=False)
    )
    _create_index(["attempts", "id"])


def downgrade() -> None:
    op.drop_index("ix_messages_outbox", "messages")
    op.drop_column("messages", "attempts")
    _create_index(["id"])


def _create_index(columns: list[str]) -> None:
    op.create_index(
        "ix_messages_outbox",
        "messages",
        columns,
        # Spelled as in the queries of each database, which can then use the index.
        sqlite_where=sa.text("rendered = 0"),
        postgresql_where=sa.text("NOT rendered"),
    )

"""The outbox by authors, whose messages are rendered in turn."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _replace_index(["attempts", "user_id", "id", "rendered"])


def downgrade() -> None:
    _replace_index(["attempts", "id"])


def _replace_index(columns: list[str]) -> None:
    op.drop_index("ix_messages_outbox", "messages")
    op.create_index(
        "ix_messages_outbox",
        "messages",
        columns,
        # Spelled as in the queries of each database, which can then use the index.
        sqlite_where=sa.text("rendered = 0"),
        postgresql_where=sa.text("NOT rendered"),
    )

"""Public rooms in the order of their ids: a page costs the same however many rooms are private."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_rooms_public",
        "rooms",
        ["id"],
        # Spelled as in the queries of each database, which can then use the index.
        sqlite_where=sa.text("private = 0"),
        postgresql_where=sa.text("NOT private"),
    )


def downgrade() -> None:
    op.drop_index("ix_rooms_public", "rooms")

"""The topics of rooms, when they were archived, and rooms that are a set of people."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rooms", sa.Column("topic", sa.Text(), server_default="", nullable=False))
    op.add_column("rooms", sa.Column("archived_at", sa.Float(), nullable=True))
    op.add_column("rooms", sa.Column("direct_key", sa.Text(), nullable=True))
    op.create_index("uq_rooms_direct_key", "rooms", ["direct_key"], unique=True)


def downgrade() -> None:
    op.drop_index("uq_rooms_direct_key", "rooms")
    for name in ("direct_key", "archived_at", "topic"):
        op.drop_column("rooms", name)

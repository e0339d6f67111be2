"""Who made a room, and which tokens are a page's sessions: the quotas count both.

Nobody is known to have made the rooms that exist already, so they count for nobody.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rooms", sa.Column("creator_id", sa.Integer(), nullable=True))
    op.create_index("ix_rooms_creator_id", "rooms", ["creator_id"])
    op.add_column(
        "tokens", sa.Column("session", sa.Boolean(), server_default=sa.false(), nullable=False)
    )


def downgrade() -> None:
    op.drop_column("tokens", "session")
    op.drop_index("ix_rooms_creator_id", "rooms")
    op.drop_column("rooms", "creator_id")

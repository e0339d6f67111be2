"""Reactions to messages, and those of messages that were deleted a moment ago."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reactions",
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("emoji", sa.String(length=16), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        *(
            sa.ForeignKeyConstraint(
                [f"{of}_id"],
                [f"{of}s.id"],
                name=op.f(f"fk_reactions_{of}_id"),
                ondelete="CASCADE",
            )
            for of in ("message", "user")
        ),
        sa.PrimaryKeyConstraint("message_id", "emoji", "user_id", name=op.f("pk_reactions")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_reactions_user_id"), "reactions", ["user_id"])
    op.add_column(
        "deleted_messages",
        sa.Column("reactions", sa.Text(), server_default="[]", nullable=False),
    )


def downgrade() -> None:
    op.drop_column("deleted_messages", "reactions")
    op.drop_table("reactions")

"""Deleted messages, which their author may restore for some seconds."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deleted_messages",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("room_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("edited_at", sa.Float(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("deleted_at", sa.Float(), nullable=False),
        *(
            sa.ForeignKeyConstraint(
                [f"{of}_id"],
                [f"{of}s.id"],
                name=op.f(f"fk_deleted_messages_{of}_id"),
                ondelete="CASCADE",
            )
            for of in ("room", "user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deleted_messages")),
    )
    for name in ("room_id", "user_id", "deleted_at"):
        op.create_index(op.f(f"ix_deleted_messages_{name}"), "deleted_messages", [name])


def downgrade() -> None:
    op.drop_table("deleted_messages")

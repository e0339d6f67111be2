"""When a message was edited; what each user has read of each room; whom messages mention.

What was said before counts as read.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("messages", sa.Column("edited_at", sa.Float(), nullable=True))
    # The new one does what the old one did, and finds a user's newest message in a room.
    op.create_index("ix_messages_author", "messages", ["user_id", "room_id", "id"])
    op.drop_index("ix_messages_user_id", "messages")
    op.add_column("events", sa.Column("user_id", sa.Integer(), nullable=True))
    op.add_column(
        "users", sa.Column("read_up_to_id", sa.Integer(), server_default="0", nullable=False)
    )
    op.execute("UPDATE users SET read_up_to_id = (SELECT coalesce(max(id), 0) FROM messages)")
    _create_readings()
    _create_mentions()


def _create_readings() -> None:
    op.create_table(
        "readings",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("room_id", sa.Integer(), nullable=False),
        sa.Column("last_read_id", sa.Integer(), nullable=True),
        sa.Column("newest_id", sa.Integer(), server_default="0", nullable=False),
        sa.Column("muted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("event_id", ID, nullable=True),
        *(
            sa.ForeignKeyConstraint(
                [f"{of}_id"],
                [f"{of}s.id"],
                name=op.f(f"fk_readings_{of}_id"),
                ondelete="CASCADE",
            )
            for of in ("user", "room")
        ),
        sa.PrimaryKeyConstraint("user_id", "room_id", name=op.f("pk_readings")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_readings_room_id"), "readings", ["room_id"])


def _create_mentions() -> None:
    op.create_table(
        "mentions",
        sa.Column("user_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("message_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("room_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["messages.id"],
            name=op.f("fk_mentions_message_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "message_id", name=op.f("pk_mentions")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_mentions_message_id"), "mentions", ["message_id"])
    op.create_index("ix_mentions_room", "mentions", ["user_id", "room_id", "message_id"])


def downgrade() -> None:
    op.drop_table("mentions")
    op.drop_table("readings")
    op.drop_column("users", "read_up_to_id")
    # Releases before would show every reader what is for one.
    op.execute("DELETE FROM events WHERE user_id IS NOT NULL")
    op.drop_column("events", "user_id")
    op.create_index(op.f("ix_messages_user_id"), "messages", ["user_id"])
    op.drop_index("ix_messages_author", "messages")
    op.drop_column("messages", "edited_at")

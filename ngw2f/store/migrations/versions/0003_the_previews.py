"""Previews of links, their thumbnails, and which messages they belong to; tasks of any kind."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_previews()
    _create_message_previews()
    _create_thumbnails()
    _let_tasks_fail()


def downgrade() -> None:
    op.execute("DELETE FROM tasks WHERE message_id IS NULL")
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        for name in ("problem", "done", "location"):
            batch_op.drop_column(name)
        batch_op.alter_column("message_id", existing_type=sa.Integer(), nullable=False)
    for name in ("thumbnails", "message_previews", "previews"):
        op.drop_table(name)


def _create_previews() -> None:
    op.create_table(
        "previews",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("site_name", sa.Text(), server_default="", nullable=False),
        sa.Column("image", sa.String(length=22), server_default="", nullable=False),
        sa.Column("image_width", sa.Integer(), server_default="0", nullable=False),
        sa.Column("image_height", sa.Integer(), server_default="0", nullable=False),
        sa.Column("expires_at", sa.Float(), server_default="0", nullable=False),
        sa.Column("due_at", sa.Float(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_previews")),
        sa.UniqueConstraint("url", name=op.f("uq_previews_url")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("previews", schema=None) as batch_op:
        batch_op.create_index(
            "ix_previews_outbox",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )


def _create_message_previews() -> None:
    op.create_table(
        "message_previews",
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("preview_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["messages.id"],
            name=op.f("fk_message_previews_message_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["preview_id"],
            ["previews.id"],
            name=op.f("fk_message_previews_preview_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("message_id", "position", name=op.f("pk_message_previews")),
    )
    with op.batch_alter_table("message_previews", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_message_previews_preview_id"), ["preview_id"], unique=False
        )


def _create_thumbnails() -> None:
    op.create_table(
        "thumbnails",
        sa.Column("preview_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=22), nullable=False),
        sa.Column("media_type", sa.String(length=32), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["preview_id"],
            ["previews.id"],
            name=op.f("fk_thumbnails_preview_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("preview_id", name=op.f("pk_thumbnails")),
        sa.UniqueConstraint("name", name=op.f("uq_thumbnails_name")),
    )


def _let_tasks_fail() -> None:
    """Let there be tasks of any kind, which may fail."""
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.alter_column("message_id", existing_type=sa.Integer(), nullable=True)
        batch_op.add_column(sa.Column("location", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(
            sa.Column("done", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.add_column(sa.Column("problem", sa.Text(), server_default="", nullable=False))
    op.execute("UPDATE tasks SET location = '/api/messages/' || message_id")

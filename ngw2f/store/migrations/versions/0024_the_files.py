"""Files that people upload."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "files",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("room_id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(length=64), server_default="", nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=True),
        *(
            sa.ForeignKeyConstraint(
                [f"{of}_id"], [f"{of}s.id"], name=op.f(f"fk_files_{of}_id"), ondelete="CASCADE"
            )
            for of in ("room", "user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
        sa.UniqueConstraint("key", name=op.f("uq_files_key")),
        sqlite_autoincrement=True,
    )
    for column in ("user_id", "room_id", "message_id", "expires_at"):
        op.create_index(op.f(f"ix_files_{column}"), "files", [column])


def downgrade() -> None:
    op.drop_table("files")

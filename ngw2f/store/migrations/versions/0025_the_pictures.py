"""Small pictures of uploaded ones."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

COLUMNS = ("image_width", "image_height", "picture_tries")
IS_DUE = sa.text("picture_due_at IS NOT NULL")


def upgrade() -> None:
    for name in COLUMNS:
        column = sa.Column(name, sa.Integer(), server_default="0", nullable=False)
        op.add_column("files", column)
    op.add_column("files", sa.Column("picture_due_at", sa.Float(), nullable=True))
    op.create_index(
        "ix_files_pictures",
        "files",
        ["picture_due_at"],
        sqlite_where=IS_DUE,
        postgresql_where=IS_DUE,
    )
    op.create_table(
        "file_pictures",
        sa.Column("file_id", sa.Integer(), nullable=False),
        sa.Column("media_type", sa.String(length=32), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["file_id"],
            ["files.id"],
            name=op.f("fk_file_pictures_file_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_file_pictures")),
    )


def downgrade() -> None:
    op.drop_table("file_pictures")
    op.drop_index("ix_files_pictures", "files")
    for name in (*COLUMNS, "picture_due_at"):
        op.drop_column("files", name)

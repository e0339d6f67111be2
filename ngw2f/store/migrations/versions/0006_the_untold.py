"""Which messages have yet to show the new content of their preview, which many may share."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

UNTOLD = sa.text("untold_before IS NOT NULL")


def upgrade() -> None:
    op.add_column("previews", sa.Column("untold_before", sa.Integer(), nullable=True))
    op.create_index(
        "ix_previews_untold", "previews", ["id"], sqlite_where=UNTOLD, postgresql_where=UNTOLD
    )


def downgrade() -> None:
    op.drop_index("ix_previews_untold", "previews")
    op.drop_column("previews", "untold_before")

"""The language in which a user reads the pages."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    language = sa.Column("language", sa.String(8), server_default="", nullable=False)
    op.add_column("users", language)


def downgrade() -> None:
    op.drop_column("users", "language")

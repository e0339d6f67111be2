"""When each token was used last, by which client, and what it is called; the theme of a user."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", _text("theme", 8))
    op.add_column("tokens", _text("name", 64))
    op.add_column("tokens", _text("user_agent", 256))
    op.add_column("tokens", sa.Column("used_at", sa.Float(), nullable=True))


def downgrade() -> None:
    for name in ("used_at", "user_agent", "name"):
        op.drop_column("tokens", name)
    op.drop_column("users", "theme")


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), server_default="", nullable=False)

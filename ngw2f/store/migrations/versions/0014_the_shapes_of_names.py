"""Compare names as they look: keys without invisible characters, and shapes of look-alikes."""

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

from ngw2f.text.lookalikes import shapes_of
from ngw2f.text.names import name_key, old_name_key

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TABLES = (("nickname_shapes", "user_id", "users"), ("room_name_shapes", "room_id", "rooms"))


def upgrade() -> None:
    for table, owner, of in TABLES:
        op.create_table(
            table,
            sa.Column("shape", sa.Text(), nullable=False),
            sa.Column(owner, sa.Integer(), nullable=False),
            sa.ForeignKeyConstraint(
                [owner], [f"{of}.id"], name=op.f(f"fk_{table}_{owner}"), ondelete="CASCADE"
            ),
            sa.PrimaryKeyConstraint("shape", name=op.f(f"pk_{table}")),
        )
        op.create_index(op.f(f"ix_{table}_{owner}"), table, [owner])
    _rekey("users", "nickname", "nickname_key", name_key, sa.true())
    is_public = sa.column("private", sa.Boolean()) == sa.false()
    _rekey("rooms", "name", "name_key", name_key, is_public)
    _add_shapes("users", "nickname", "nickname_shapes", "user_id", sa.true())
    _add_shapes("rooms", "name", "room_name_shapes", "room_id", is_public)


def downgrade() -> None:
    for table, _, _ in TABLES:
        op.drop_table(table)
    # The keys by which the older release finds its users; no two are the same.
    _rekey("users", "nickname", "nickname_key", old_name_key, sa.true())
    is_public = sa.column("private", sa.Boolean()) == sa.false()
    _rekey("rooms", "name", "name_key", old_name_key, is_public)


def _rekey(
    table: str,
    name: str,
    key: str,
    key_of: Callable[[str], str],
    condition: sa.ColumnElement[bool],
) -> None:
    """Give each name its key, the oldest first; whoever comes too late keeps the one it has."""
    connection = op.get_bind()
    rows = sa.table(table, sa.column("id"), sa.column(name), sa.column(key))
    columns = rows.c.id, rows.c[name], rows.c[key]
    found = connection.execute(sa.select(*columns).where(condition).order_by(rows.c.id)).all()
    taken = {old for _, _, old in found}
    for row_id, text, _ in found:
        new = key_of(text)
        if new and new not in taken:
            taken.add(new)
            connection.execute(sa.update(rows).where(rows.c.id == row_id).values(**{key: new}))


def _add_shapes(
    table: str, name: str, shapes: str, owner: str, condition: sa.ColumnElement[bool]
) -> None:
    """Give each name its shapes, the oldest first: whoever has one that is taken keeps the name."""
    connection = op.get_bind()
    rows = sa.table(table, sa.column("id"), sa.column(name))
    found = connection.execute(
        sa.select(rows.c.id, rows.c[name]).where(condition).order_by(rows.c.id)
    )
    owners: dict[str, int] = {}
    for row_id, text in found.all():
        for shape in shapes_of(text):
            owners.setdefault(shape, row_id)
    values = [{"shape": shape, owner: row_id} for shape, row_id in owners.items()]
    if values:
        target = sa.table(shapes, sa.column("shape"), sa.column(owner))
        connection.execute(sa.insert(target), values)

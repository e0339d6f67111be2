"""Names of public rooms are unique among themselves; a private room may have any name.

While names were unique among all rooms, a refusal revealed that a private room has the name.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# Spelled as in the queries of each database, which can then use the indexes.
SQLITE_PUBLIC = sa.text("private = 0")
POSTGRESQL_PUBLIC = sa.text("NOT private")


def upgrade() -> None:
    with _altered_rooms() as batch_op:
        batch_op.drop_constraint("uq_rooms_name_key", type_="unique")
    op.create_index("ix_rooms_name", "rooms", ["name"])
    _create_public_index("uq_rooms_public_name_key", ["name_key"], unique=True)


def downgrade() -> None:
    op.drop_index("uq_rooms_public_name_key", "rooms")
    op.drop_index("ix_rooms_name", "rooms")
    # Of several rooms with a name the first one keeps it.
    op.execute(
        "UPDATE rooms SET name_key = name_key || ';' || id WHERE EXISTS"
        " (SELECT 1 FROM rooms other WHERE other.name_key = rooms.name_key"
        " AND (other.private, other.id) < (rooms.private, rooms.id))"
    )
    with _altered_rooms() as batch_op:
        batch_op.create_unique_constraint("uq_rooms_name_key", ["name_key"])


@contextmanager
def _altered_rooms() -> Iterator[BatchOperations]:
    """Alter the table. SQLite makes it anew; its ids still go on after the greatest ever given."""
    connection = op.get_bind()
    greatest = None
    if connection.dialect.name == "sqlite":
        # Of a migration that was killed.
        op.execute("DROP TABLE IF EXISTS _alembic_tmp_rooms")
        counted = sa.text("SELECT seq FROM sqlite_sequence WHERE name = 'rooms'")
        greatest = connection.execute(counted).scalar()
    with op.batch_alter_table("rooms", table_kwargs={"sqlite_autoincrement": True}) as batch_op:
        yield batch_op
    if greatest is not None:
        count_on = sa.text("UPDATE sqlite_sequence SET seq = :seq WHERE name = 'rooms'")
        connection.execute(count_on, {"seq": greatest})


def _create_public_index(name: str, columns: list[str], *, unique: bool) -> None:
    op.create_index(
        name,
        "rooms",
        columns,
        unique=unique,
        sqlite_where=SQLITE_PUBLIC,
        postgresql_where=POSTGRESQL_PUBLIC,
    )

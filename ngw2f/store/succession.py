"""What clients need to know when a database has taken the place of another one.

They may have seen messages that are not in it, since it was written before those. Ids that
were given must not be given again, for other messages; and whoever follows is told to read
anew.
"""

from collections.abc import Mapping

from sqlalchemy import Connection, inspect, text

from ngw2f.resources import MAX_ID
from ngw2f.store.events import NewEvent, add_events

# What clients know by their ids.
TABLES = ("messages", "rooms", "users")
# So many ids were given at most since what is restored was written; a client that reads on
# after one of them misses nothing then.
SKIPPED_IDS = 1_000_000
RESYNC = "resync"


def succeed(connection: Connection, used: Mapping[str, int] | None = None) -> None:
    """Go on with ids that were never given, and have all who follow read anew.

    *used*: the greatest ids in the database that was there before, if that is known.
    """
    tables = set(inspect(connection).get_table_names())
    for table in TABLES:
        greatest = max(greatest_ids(connection).get(table, 0), (used or {}).get(table, 0))
        # The last ids are not skipped, however often it is done.
        _set_greatest(connection, table, greatest + min(SKIPPED_IDS, (MAX_ID - greatest) // 2))
    if "events" in tables:
        add_events(connection, [NewEvent(RESYNC, "{}")])


def greatest_ids(connection: Connection) -> dict[str, int]:
    """Return the greatest id that each table has ever given, as far as there are tables."""
    tables = set(inspect(connection).get_table_names())
    if connection.dialect.name == "postgresql":
        return {
            table: connection.scalar(text(f"SELECT last_value FROM {_sequence(connection, table)}"))  # noqa: S608
            for table in TABLES
            if table in tables
        }
    if "sqlite_sequence" not in tables:
        tables |= set(connection.scalars(text("SELECT name FROM sqlite_master")))
    if "sqlite_sequence" not in tables:
        return {}
    rows = connection.execute(text("SELECT name, seq FROM sqlite_sequence"))
    return {name: seq for name, seq in rows if name in TABLES}


def _set_greatest(connection: Connection, table: str, greatest: int) -> None:
    values = {"name": table, "id": greatest}
    if connection.dialect.name == "postgresql":
        values["name"] = _sequence(connection, table)
        connection.execute(text("SELECT setval(:name, :id)"), values)
        return
    connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), values)
    connection.execute(text("INSERT INTO sqlite_sequence VALUES (:name, :id)"), values)


def _sequence(connection: Connection, table: str) -> str:
    return str(connection.scalar(text("SELECT pg_get_serial_sequence(:t, 'id')"), {"t": table}))

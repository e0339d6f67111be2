"""Tell clients that the database has been replaced by an older state, such as a backup.

They may have seen newer messages, which are not in it. Ids that were assigned to those must not be
assigned again; and clients that follow the events are told to load everything again.
"""

from collections.abc import Mapping

from sqlalchemy import Connection, inspect, text

from ngw2f.api_resources import MAX_ID
from ngw2f.store.events import NewEvent, add_events

# The tables whose ids clients know.
TABLES = ("messages", "rooms", "users")
# The most ids assumed to have been assigned since the backup was written; a client that continues
# after one of them misses nothing.
SKIPPED_IDS = 1_000_000
RESYNC = "resync"


def succeed(connection: Connection, used: Mapping[str, int] | None = None) -> None:
    """Continue with ids that were never assigned, and tell clients to load everything again.

    *used* are the greatest ids of the replaced database, if they are known.
    """
    tables = set(inspect(connection).get_table_names())
    for table in TABLES:
        greatest = max(greatest_ids(connection).get(table, 0), (used or {}).get(table, 0))
        # Repeated restores skip ever fewer ids, so they never run out.
        _set_greatest(connection, table, greatest + min(SKIPPED_IDS, (MAX_ID - greatest) // 2))
    if "events" in tables:
        add_events(connection, [NewEvent(RESYNC, "{}")])


def greatest_ids(connection: Connection) -> dict[str, int]:
    """Return the greatest id that each existing table has ever assigned."""
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

"""The whole chat as JSON lines, to move it from one database to another of any kind.

Each line is a table's name and a row: `["rooms", {"id": 1, ...}]`. Rows that others refer to come
first. Bytes are base64. The lines contain password hashes and digests of tokens. The first line has
the schema's version, and the last one the number of rows, so that a cut-off export is noticed.
"""

import base64
import binascii
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import groupby, islice
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, Table, delete, func, insert, select, text

from ngw2f.store.rooms import LOBBY, find_room_named
from ngw2f.store.schema import metadata, rooms, users

BATCH = 500

FORMAT = 1
HEADER, END = "ngw2f export", "end"
Line = tuple[str, dict[str, Any]]


class ImportRefusedError(Exception):
    """The lines are not a whole export, or the database already has a chat."""


def export_lines(connection: Connection) -> Iterator[bytes]:
    """Yield the lines of a single state of the database."""
    encoder = msgspec.json.Encoder()
    yield encoder.encode((HEADER, _header(connection))) + b"\n"
    count = 0
    for table in metadata.sorted_tables:
        statement = select(table).order_by(*table.primary_key)
        for row in connection.execute(statement.execution_options(yield_per=BATCH)):
            # msgspec encodes bytes as base64, but no subclasses of str, which the names are.
            named = {str(each.name): value for each, value in zip(table.columns, row, strict=True)}
            yield encoder.encode((str(table.name), named)) + b"\n"
            count += 1
    yield encoder.encode((END, {"rows": count})) + b"\n"


def import_lines(connection: Connection, lines: Iterable[bytes]) -> int:
    """Store an export into a migrated, unused database; return the number of rows.

    Raises ImportRefusedError, perhaps after the last row; then the caller must not commit.
    """
    if connection.execute(select(func.count()).select_from(users)).scalar_one():
        raise ImportRefusedError("there are users already; import into a new database")
    # The export has its own lobby; this one was made by the migration.
    connection.execute(delete(rooms))
    count = 0
    whole = _whole(map(_decode, lines), _header(connection))
    for name, decoded in groupby(whole, key=lambda line: line[0]):
        table = metadata.tables.get(name)
        if table is None:
            raise ImportRefusedError(f"there is no table {name}; export by the same version")
        rows = (_row(table, row) for _, row in decoded)
        while batch := list(islice(rows, BATCH)):
            connection.execute(insert(table), batch)
            count += len(batch)
    if find_room_named(connection, LOBBY, None) is None:
        raise ImportRefusedError("it has no lobby, so it is not an export, or only part of one")
    if connection.dialect.name == "postgresql":
        _set_sequences(connection)
    return count


def _header(connection: Connection) -> dict[str, Any]:
    schema = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return {"format": FORMAT, "schema": schema}


def _whole(lines: Iterator[Line], expected: dict[str, Any]) -> Iterator[Line]:
    """Yield the rows between the header and the end."""
    name, header = next(lines, ("", {}))
    if name != HEADER:
        raise ImportRefusedError("it does not begin as an export does; export again")
    if header != expected:
        raise ImportRefusedError(
            f"it was exported by another version ({header}, not {expected}); import it there, "
            "or export by the same version"
        )
    count = 0
    for name, row in lines:
        if name == END:
            break
        count += 1
        yield name, row
    else:
        raise ImportRefusedError(f"it was cut off: after {count} rows there is no end")
    if row != {"rows": count}:
        raise ImportRefusedError(f"its end says {row}, but there are {count} rows")
    if next(lines, None) is not None:
        raise ImportRefusedError("there is more after its end")


def _decode(line: bytes) -> Line:
    try:
        name, row = msgspec.json.decode(line, type=tuple[str, dict[str, Any]])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ImportRefusedError(f"this is not a line of an export: {line[:60]!r}") from error
    return name, row


def _row(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    columns = {column.name: column for column in table.columns}
    if set(row) != set(columns):
        raise ImportRefusedError(f"{table.name} has other columns; export by the same version")
    return {columns[name].key: _value(columns[name], value) for name, value in row.items()}


def _value(column: Column[Any], value: object) -> object:
    """Return the value to store, after checking its type; SQLite would store anything."""
    kind = column.type.python_type
    if value is None and column.nullable:
        return None
    if kind is bytes and isinstance(value, str):
        with suppress(binascii.Error):
            return base64.b64decode(value, validate=True)
    # In Python a bool is an int, and JSON may write a whole float without a point.
    elif type(value) is kind or (kind is float and type(value) is int):
        return value
    raise ImportRefusedError(f"{column} is {value!r:.60}, which is not of type {kind.__name__}")


def _set_sequences(connection: Connection) -> None:
    """Set PostgreSQL's sequences to the greatest ids; inserted rows do not change them."""
    for table in metadata.sorted_tables:
        sequence = func.pg_get_serial_sequence(table.name, "id") if "id" in table.columns else None
        if sequence is None or connection.execute(select(sequence)).scalar() is None:
            continue
        greatest = select(func.coalesce(func.max(table.c.id), 1)).scalar_subquery()
        is_used = select(func.count() > 0).select_from(table).scalar_subquery()
        connection.execute(select(func.setval(sequence, greatest, is_used)))

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from ngw2f.settings import Settings
from ngw2f.store import messages, rooms, tokens
from ngw2f.store.database import Database
from ngw2f.store.schema import metadata
from ngw2f.store.transfer import ImportRefusedError, export_lines, import_lines
from ngw2f.store.users import UserRow


@pytest.fixture
def filled(database: Database, ann: UserRow, lobby: int) -> Database:
    with database.writing() as connection:
        for number in range(3):
            messages.create_message(connection, lobby, ann.id, f"source {number} ä", "html")
        tokens.create_token(connection, ann.id, 30)
    return database


@pytest.fixture
def other(tmp_path: Path, migrated_sqlite: Path) -> Iterator[Database]:
    """Give a migrated SQLite that nobody has used."""
    settings = Settings(data_dir=str(tmp_path / "other"))
    settings.data_path.mkdir()
    shutil.copy(migrated_sqlite, settings.data_path)
    database = Database(settings.sqlalchemy_url)
    yield database
    database.close()


def export(database: Database) -> list[bytes]:
    with database.reading() as connection:
        return list(export_lines(connection))


def store(database: Database, lines: list[bytes]) -> int:
    with database.writing() as connection:
        return import_lines(connection, lines)


def rows(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    with database.reading() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(in_order)]
            for table in metadata.sorted_tables
            for in_order in [select(table).order_by(*table.primary_key)]
        }


def test_all_comes_over(filled: Database, other: Database) -> None:
    lines = export(filled)
    assert store(other, lines) == len(lines) - 2
    assert rows(other) == rows(filled)


def test_back_again_and_on(
    filled: Database, other: Database, ann: UserRow, lobby: int, database: Database
) -> None:
    """What was imported counts on where it was."""
    store(other, export(filled))
    with database.writing() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
    store(database, export(other))
    with database.writing() as connection:
        message = messages.create_message(connection, lobby, ann.id, "next", "next")
        room = rooms.create_room(connection, "next", "next", ann.id, private=False)
    assert message.id == 4
    assert room.id == lobby + 1


def test_used_database_is_left_alone(filled: Database, other: Database) -> None:
    lines = export(filled)
    store(other, lines)
    before = rows(other)
    with pytest.raises(ImportRefusedError, match="users already"):
        store(other, lines)
    assert rows(other) == before


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "not a line of an export"),
        (b'["rooms",{"name":"\xed\xa0\x80"}]', "not a line of an export"),
        (b'["nonsense", {}]\n', "no table nonsense"),
        (b'["users", {"id": 1}]\n', "other columns"),
    ],
)
def test_other_lines_change_nothing(other: Database, line: bytes, message: str) -> None:
    before = rows(other)
    with pytest.raises(ImportRefusedError, match=message):
        store(other, whole(other, [line]))
    assert rows(other) == before


def whole(database: Database, lines: list[bytes]) -> list[bytes]:
    """Return lines between the header and the end of an export."""
    header = export(database)[0]
    return [header, *lines, msgspec.json.encode(("end", {"rows": len(lines)}))]


ENDS: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "no end": (lambda lines: lines[:-1], "cut off"),
    "no last row": (lambda lines: lines[:-2], "cut off"),
    "the header alone": (lambda lines: lines[:1], "cut off"),
    "nothing": (lambda _lines: [], "does not begin"),
    "no header": (lambda lines: lines[1:], "does not begin"),
    "within a row": (lambda lines: [*lines[:-2], lines[-2][:-9]], "not a line of an export"),
    "within the end": (lambda lines: [*lines[:-1], lines[-1][:-4]], "not a line of an export"),
    "twice": (lambda lines: lines * 2, "more after its end"),
    "more": (lambda lines: [*lines, b"x"], "more after its end|not a line of"),
    "an empty line": (lambda lines: [*lines, b"\n"], "more after its end|not a line of"),
    "a row less": (lambda lines: [*lines[:-2], lines[-1]], "its end says"),
    "another count": (lambda lines: [*lines[:-1], b'["end", {"rows": 1}]'], "its end says"),
    "no count": (lambda lines: [*lines[:-1], b'["end", {}]'], "its end says"),
    "another schema": (
        lambda lines: [b'["ngw2f export", {"format": 1, "schema": "9"}]', *lines[1:]],
        "another version",
    ),
}


@pytest.mark.parametrize("harm", ENDS)
def test_export_that_is_not_whole_changes_nothing(
    filled: Database, other: Database, harm: str
) -> None:
    change, message = ENDS[harm]
    before = rows(other)
    with pytest.raises(ImportRefusedError, match=message):
        store(other, change(export(filled)))
    assert rows(other) == before


def changed(lines: list[bytes], table: str, **values: object) -> list[bytes]:
    """Return an export whose first row of a table has other values."""
    decoded = [msgspec.json.decode(line) for line in lines]
    next(row for name, row in decoded if name == table).update(values)
    return [msgspec.json.encode(line) for line in decoded]


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("users", {"id": "one"}),
        ("users", {"nickname": None}),
        ("users", {"created_at": "today"}),
        ("rooms", {"private": 1}),
        ("messages", {"id": True}),
        ("messages", {"source": ["a"]}),
        ("tokens", {"digest": "no base64"}),
        ("tokens", {"digest": 7}),
    ],
    ids=str,
)
def test_value_of_another_kind_changes_nothing(
    filled: Database, other: Database, table: str, values: dict[str, int | list[str] | str | None]
) -> None:
    """SQLite would store it, and the chat fail at it later."""
    before = rows(other)
    with pytest.raises(ImportRefusedError, match=f"^{table}.{next(iter(values))} is "):
        store(other, changed(export(filled), table, **values))
    assert rows(other) == before


def test_whole_number_is_a_time_too(filled: Database, other: Database) -> None:
    lines = export(filled)
    assert store(other, changed(lines, "users", created_at=5)) == len(lines) - 2


@pytest.mark.parametrize("count", [0, 1])
def test_without_the_lobby_it_is_no_export(filled: Database, other: Database, count: int) -> None:
    """Nobody could say anything in what would come of it."""
    before = rows(other)
    with pytest.raises(ImportRefusedError, match="no lobby"):
        store(other, whole(other, [line for line in export(filled) if b'["users"' in line][:count]))
    assert rows(other) == before


def test_lines_are_json(filled: Database) -> None:
    tables = [msgspec.json.decode(line)[0] for line in export(filled)]
    assert (tables[0], tables[-1]) == ("ngw2f export", "end")
    assert tables.index("users") < tables.index("messages")

import msgspec
import pytest
from sqlalchemy import select

from ngw2f.settings import Settings
from ngw2f.store import messages, rooms, tokens
from ngw2f.store.database import Database
from ngw2f.store.exchange import ImportRefusedError, export_lines, import_lines
from ngw2f.store.migrate import migrate
from ngw2f.store.schema import metadata


@pytest.fixture
def filled(database, ann, lobby):
    with database.writing() as connection:
        for number in range(3):
            messages.create_message(connection, lobby, ann.id, f"source {number} ä", "html")
        tokens.create_token(connection, ann.id, 30)
    return database


@pytest.fixture
def other(tmp_path):
    """Give a migrated SQLite that nobody has used."""
    settings = Settings(data_dir=str(tmp_path / "other"))
    migrate(settings)
    database = Database(settings.sqlalchemy_url)
    yield database
    database.close()


def export(database):
    with database.reading() as connection:
        return list(export_lines(connection))


def store(database, lines):
    with database.writing() as connection:
        return import_lines(connection, lines)


def rows(database):
    with database.reading() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table))]
            for table in metadata.sorted_tables
        }


def test_all_comes_over(filled, other):
    lines = export(filled)
    assert store(other, lines) == len(lines)
    assert rows(other) == rows(filled)


def test_back_again_and_on(filled, other, ann, lobby, database):
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


def test_used_database_is_left_alone(filled, other):
    lines = export(filled)
    store(other, lines)
    before = rows(other)
    with pytest.raises(ImportRefusedError, match="users already"):
        store(other, lines)
    assert rows(other) == before


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "no line of an export"),
        (b'["nonsense", {}]\n', "no table nonsense"),
        (b'["users", {"id": 1}]\n', "other columns"),
    ],
)
def test_other_lines_change_nothing(other, line, message):
    before = rows(other)
    with pytest.raises(ImportRefusedError, match=message):
        store(other, [line])
    assert rows(other) == before


def test_lines_are_json(filled):
    tables = [msgspec.json.decode(line)[0] for line in export(filled)]
    assert tables.index("users") < tables.index("messages")

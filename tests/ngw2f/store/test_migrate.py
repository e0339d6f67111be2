import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.exc import DBAPIError

from ngw2f.settings import Settings
from ngw2f.store import users
from ngw2f.store.current import known_schemas, newest_schema
from ngw2f.store.migrate import alembic_config, migrate
from ngw2f.store.schema import metadata
from ngw2f.text.names import name_key, old_name_key
from tests.waiting import HANGING_SECONDS, T

ADD_USER = text(
    "INSERT INTO users (id, nickname, nickname_key, password_hash, created_at, updated_at,"
    " last_seen_at) VALUES (:id, :name, :key, 'hash', 1, 1, 1)"
)
ADD_ROOM = text(
    "INSERT INTO rooms (id, name, name_key, created_at, updated_at) VALUES (:id, :name, :key, 1, 1)"
)


@pytest.fixture
def empty(settings: Settings, backend: str, tmp_path: Path) -> Settings:
    """Return the settings of a chat whose database has nothing in it."""
    if backend == "sqlite":
        return msgspec.structs.replace(settings, data_dir=str(tmp_path / "new" / "var"))
    engine = create_engine(settings.database_url)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return settings


def on_database(settings: Settings, ask: Callable[[Connection], T]) -> T:
    engine = create_engine(settings.sqlalchemy_url)
    with engine.connect() as connection:
        answer = ask(connection)
    engine.dispose()
    return answer


def test_tables_are_as_declared(empty: Settings) -> None:
    migrate(empty)

    def differences(connection: Connection) -> list[object]:
        # What is searched for is no part of the state, and another table with each database.
        options = {"include_name": lambda name, *_: not (name or "").startswith("message_search")}
        context = MigrationContext.configure(connection, opts=options)
        found: list[object] = compare_metadata(context, metadata)
        return found

    assert on_database(empty, differences) == []


def test_schemas_are_named_after_their_files() -> None:
    scripts = ScriptDirectory.from_config(alembic_config())
    assert {script.revision for script in scripts.walk_revisions()} == known_schemas()
    assert scripts.get_current_head() == newest_schema()


def test_second_run_changes_nothing(settings: Settings) -> None:
    def rooms(connection: Connection) -> Sequence[object]:
        return connection.execute(text("SELECT id, name, created_at FROM rooms")).all()

    before = on_database(settings, rooms)
    migrate(settings)
    assert on_database(settings, rooms) == before


def test_down_and_up_again(settings: Settings) -> None:
    engine = create_engine(settings.sqlalchemy_url)
    with engine.connect() as connection:
        command.downgrade(alembic_config(connection), "base")
        connection.commit()
    engine.dispose()
    assert on_database(settings, lambda c: inspect(c).get_table_names()) == ["alembic_version"]
    migrate(settings)
    assert "messages" in on_database(settings, lambda c: inspect(c).get_table_names())


def test_names_that_look_alike_stay_and_find_their_users(settings: Settings) -> None:
    """The older one gets the key and the shape; both are found by what they are called."""
    nicknames = [
        "\U0001f3f3\ufe0f",
        "bob\u3164",
        "bob",
        "\u3164",
        "coco",
        "\u0441\u043e\u0441\u043e",
        "Zo\ufe0f",
    ]
    engine = create_engine(settings.sqlalchemy_url)
    with engine.connect() as connection:
        command.downgrade(alembic_config(connection), "0013")
        for number, nickname in enumerate(nicknames, 1):
            values = {"id": number, "name": nickname, "key": old_name_key(nickname)}
            connection.execute(ADD_USER, values)
            connection.execute(ADD_ROOM, values | {"id": number + 1})
        connection.commit()
    engine.dispose()
    migrate(settings)

    def look(connection: Connection) -> tuple[list[int], list[str], list[str], dict[str, int]]:
        found = [
            users.find_credentials(connection, name_key(each), old_name_key(each), each)
            for each in nicknames
        ]
        keys = connection.execute(text("SELECT nickname_key FROM users ORDER BY id")).scalars()
        room_keys = connection.execute(text("SELECT name_key FROM rooms ORDER BY id")).scalars()
        rows = connection.execute(text("SELECT shape, user_id FROM nickname_shapes"))
        shapes = {row.shape: row.user_id for row in rows}
        return [each.user_id for each in found if each], list(keys), list(room_keys)[1:], shapes

    found, keys, room_keys, shapes = on_database(settings, look)
    assert found == [1, 2, 3, 4, 5, 6, 7]
    # "bob" had its key before; what is nothing but a filler would have none.
    assert keys == ["\U0001f3f3", "bob\u1160", "bob", "\u1160", *nicknames[4:6], "zo"]
    assert room_keys == keys
    assert shapes == {"\U0001f3f3": 1, "bob": 2, "": 4, "coco": 5, "zo": 7}


def test_once_for_many_processes(empty: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NGW2F_DATA_DIR", empty.data_dir)
    monkeypatch.setenv("NGW2F_DATABASE_URL", empty.sqlalchemy_url)
    command = [sys.executable, "-m", "ngw2f", "migrate"]
    processes = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(HANGING_SECONDS) for process in processes] == [0, 0]
    names = on_database(empty, lambda c: c.execute(text("SELECT name FROM rooms")).scalars().all())
    assert names == ["lobby"]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_sqlite_is_in_wal_mode_at_once(empty: Settings) -> None:
    """So the processes that start next need not compete to change it."""
    migrate(empty)
    mode = on_database(empty, lambda c: c.execute(text("PRAGMA journal_mode")).scalar_one())
    assert mode == "wal"


# A public room and two private ones; a link that was posted in all, and one in a private room.
BEFORE_PRIVATE_PREVIEWS = """
INSERT INTO users (id, nickname, nickname_key, password_hash, created_at, updated_at, last_seen_at)
    VALUES (1, 'ann', 'ann', '', 0, 0, 0);
INSERT INTO rooms (id, name, name_key, private, created_at, updated_at) VALUES
    (12, 'one', 'one', true, 0, 0), (13, 'two', 'two', true, 0, 0);
INSERT INTO messages (id, room_id, user_id, source, html, rendered, created_at, updated_at, version)
    VALUES (1, 1, 1, 'a', 'a', true, 0, 0, 1), (2, 12, 1, 'a', 'a', true, 0, 0, 1),
    (3, 13, 1, 'a', 'a', true, 0, 0, 1), (4, 13, 1, 'b', 'b', true, 0, 0, 1);
INSERT INTO previews (url, site, title, image) VALUES
    ('http://a/', 'a', 'A', 'first'), ('http://b/', 'b', 'B', '');
INSERT INTO thumbnails (preview_id, name, media_type, body) VALUES (1, 'first', 'image/webp', 'x');
INSERT INTO message_previews (message_id, position, preview_id) VALUES
    (1, 0, 1), (2, 0, 1), (3, 0, 1), (4, 0, 2);
"""
AFTER = """
SELECT message_id, private_room_id, url, title, previews.image = thumbnails.name, version
    FROM message_previews JOIN previews ON previews.id = message_previews.preview_id
    JOIN messages ON messages.id = message_id
    LEFT JOIN thumbnails ON thumbnails.preview_id = previews.id ORDER BY message_id
"""


def test_previews_of_private_rooms_part_from_the_public_ones(empty: Settings) -> None:
    migrate(empty)
    engine = create_engine(empty.sqlalchemy_url)
    with engine.connect() as connection:
        command.downgrade(alembic_config(connection), "0006")
        connection.commit()
        for statement in BEFORE_PRIVATE_PREVIEWS.split(";\n"):
            connection.execute(text(statement))
        connection.commit()
        command.upgrade(alembic_config(connection), "head")
        connection.commit()
        rows = connection.execute(text(AFTER)).all()
        urls = connection.scalars(text("SELECT url FROM previews ORDER BY url, private_room_id"))
        assert [tuple(row) for row in rows] == [
            (1, 0, "http://a/", "A", True, 1),
            (2, 12, "http://a/", "A", True, 2),
            (3, 13, "http://a/", "A", True, 2),
            (4, 13, "http://b/", "B", None, 2),
        ]
        assert urls.all() == ["http://a/", "http://a/", "http://a/", "http://b/"]
    engine.dispose()


def test_rooms_stay_as_they_were(settings: Settings) -> None:
    """SQLite makes the table anew: ids are not given again, and nobody loses a membership."""
    engine = create_engine(settings.sqlalchemy_url)
    now = {"now": 1.5}
    with engine.connect() as connection:
        command.downgrade(alembic_config(connection), "0007")
        user = "INSERT INTO users (nickname, nickname_key, password_hash, created_at, updated_at"
        user += ", last_seen_at) VALUES ('ann', 'ann', '', :now, :now, :now)"
        room = "INSERT INTO rooms (name, name_key, private, created_at, updated_at)"
        room += " VALUES (:name, :key, :private, :now, :now)"
        connection.execute(text(user), now)
        for name, private in (("den", True), ("tea", False), ("gone", False)):
            connection.execute(text(room), now | {"name": name, "key": name, "private": private})
        membership = "INSERT INTO memberships (room_id, user_id, created_at) VALUES (2, 1, :now)"
        connection.execute(text(membership), now)
        connection.execute(text("DELETE FROM rooms WHERE name = 'gone'"))
        connection.commit()
        before = connection.execute(text("SELECT * FROM rooms ORDER BY id")).all()
        command.upgrade(alembic_config(connection), "head")
        connection.commit()
        after = connection.execute(text("SELECT * FROM rooms ORDER BY id")).all()
        assert [row[: len(before[0])] for row in after] == before
        assert connection.execute(text("SELECT room_id FROM memberships")).scalars().all() == [2]
        # Called as the private room is; what was deleted had id 4.
        public = {"name": "den", "key": "den", "private": False}
        connection.execute(text(room), now | public)
        ids = connection.execute(text("SELECT id FROM rooms ORDER BY id")).scalars().all()
        assert ids == [1, 2, 3, 5]
        connection.commit()
        command.downgrade(alembic_config(connection), "0007")
        connection.commit()
        keys = connection.execute(text("SELECT name_key FROM rooms WHERE name = 'den'")).scalars()
        assert len(set(keys)) == 2
    engine.dispose()


# Two messages of one user, and an event, of a release that knew nothing of reading.
BEFORE_READINGS = """
INSERT INTO users (id, nickname, nickname_key, password_hash, created_at, updated_at, last_seen_at)
    VALUES (1, 'ann', 'ann', '', 0, 0, 0), (2, 'bob', 'bob', '', 0, 0, 0);
INSERT INTO messages (id, room_id, user_id, source, html, rendered, created_at, updated_at, version)
    VALUES (5, 1, 1, 'a', 'a', true, 0, 0, 1), (7, 1, 1, 'b', 'b', true, 0, 9, 2);
INSERT INTO events (id, name, data) VALUES (1, 'typing', '{}');
"""
FOR_ONE = "INSERT INTO events (id, name, data, user_id) VALUES (2, 'unread.updated', '{}', 1)"


def test_what_was_said_before_positions_counts_as_read(settings: Settings) -> None:
    """And is not marked as edited; going back leaves no event that is for one user."""
    engine = create_engine(settings.sqlalchemy_url)
    with engine.connect() as connection:
        command.downgrade(alembic_config(connection), "0014")
        for statement in BEFORE_READINGS.split(";\n"):
            connection.execute(text(statement))
        connection.commit()
        command.upgrade(alembic_config(connection), "head")
        read = connection.scalars(text("SELECT read_up_to_id FROM users")).all()
        edited = connection.scalars(text("SELECT edited_at FROM messages")).all()
        connection.execute(text(FOR_ONE))
        connection.commit()
        assert (read, edited) == ([7, 7], [None, None])
        command.downgrade(alembic_config(connection), "0014")
        connection.commit()
        assert connection.scalars(text("SELECT id FROM events")).all() == [1]
    engine.dispose()


# The first account of a chat, which was deleted, and others.
BEFORE_ADMINISTRATORS = """
INSERT INTO users (id, nickname, nickname_key, password_hash, created_at, updated_at, last_seen_at,
                   deleted_at)
    VALUES (1, 'deleted account', '1', '', 0, 0, 0, 5), (2, 'bob', 'bob', '', 0, 0, 0, NULL),
           (3, 'cleo', 'cleo', '', 0, 0, 0, NULL)
"""


def test_first_account_that_is_there_administers(settings: Settings) -> None:
    engine = create_engine(settings.sqlalchemy_url)
    with engine.connect() as connection:
        command.downgrade(alembic_config(connection), "0022")
        connection.execute(text(BEFORE_ADMINISTRATORS))
        connection.commit()
        command.upgrade(alembic_config(connection), "head")
        assert connection.scalars(text("SELECT id FROM users WHERE admin")).all() == [2]
    engine.dispose()


def test_migration_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    """A file may not grow beyond a size: a disk that is full, and then is not."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    settings = Settings(data_dir=str(tmp_path))
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        for size in range(0, 400_000, 40_000):
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, limit[1]))
            with suppress(DBAPIError, OSError):
                migrate(settings)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, ignored)
    migrate(settings)

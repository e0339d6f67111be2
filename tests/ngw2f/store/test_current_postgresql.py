"""The look at PostgreSQL's schema that spares a start the migration's libraries."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ngw2f.settings import Settings
from ngw2f.store.current import MIGRATION_KEY
from ngw2f.store.current_postgresql import is_current_postgresql
from tests.databases import LentDatabase


@pytest.fixture
def settings(lent_database: LentDatabase, tmp_path: Path) -> Iterator[Settings]:
    yield Settings(data_dir=str(tmp_path), database_url=lent_database.url)
    lent_database.clean()


def connect(settings: Settings) -> psycopg.Connection:
    return psycopg.connect(settings.database_url.replace("+psycopg", ""))


def test_migrated_database_is_current(settings: Settings) -> None:
    assert is_current_postgresql(settings)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE alembic_version SET version_num = '0001'",
        "UPDATE alembic_version SET version_num = '9999'",
        "INSERT INTO alembic_version VALUES ('0001')",
        "DELETE FROM alembic_version",
        "DROP TABLE alembic_version",
        "DROP TABLE memberships",
    ],
)
def test_anything_else_is_for_the_migration(settings: Settings, change: str) -> None:
    with connect(settings) as connection:
        connection.execute(change.encode())
    assert not is_current_postgresql(settings)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sqlite:///chat.sqlite3",
        "postgresql+pg8000://chat@/chat",
        "postgresql+psycopg://chat:a%2Fb@h/chat",
        "postgresql+psycopg://chat@/chat?host=a&host=b",
        "postgresql+psycopg://127.0.0.1:1/chat",
        "postgresql+psycopg://chat@/chat?host=/none",
    ],
)
def test_what_it_cannot_tell_is_for_the_migration(url: str) -> None:
    assert not is_current_postgresql(Settings(database_url=url))


def test_driver_that_is_not_installed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert not is_current_postgresql(settings)


def test_database_that_is_being_migrated_is_waited_for(settings: Settings) -> None:
    answers: list[bool] = []
    asking = threading.Thread(target=lambda: answers.append(is_current_postgresql(settings)))
    with connect(settings) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [MIGRATION_KEY])
        asking.start()
        asking.join(0.1)
        assert not answers
    asking.join()
    assert answers == [True]


@pytest.mark.parametrize("command", [["migrate"], ["check", "--database"]])
def test_current_database_loads_no_library(settings: Settings, command: list[str]) -> None:
    program = (
        f"import sys; from ngw2f.commands.cli import main; main({command});"
        "sys.exit(' '.join({'alembic', 'sqlalchemy'} & set(sys.modules)) or None)"
    )
    environ = {"NGW2F_DATA_DIR": settings.data_dir, "NGW2F_DATABASE_URL": settings.database_url}
    subprocess.run([sys.executable, "-c", program], env=environ, check=True)

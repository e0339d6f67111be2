"""The look at a schema that spares a start the migration's libraries."""

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from ngw2f.locks import file_lock
from ngw2f.settings import Settings
from ngw2f.store import current
from ngw2f.store.current import MIGRATION_FILE, is_current
from ngw2f.store.migrate import migrate


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(data_dir=str(tmp_path / "a %folder?"))
    migrate(settings)
    return settings


def execute(settings: Settings, sql: str) -> None:
    with closing(sqlite3.connect(settings.data_path / "chat.sqlite3")) as database:
        database.execute(sql)
        database.commit()


def test_migrated_database_is_current(settings: Settings) -> None:
    assert is_current(settings)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE alembic_version SET version_num = '0001'",
        "UPDATE alembic_version SET version_num = '9999'",
        "INSERT INTO alembic_version VALUES ('0001')",
        "DELETE FROM alembic_version",
        "DROP TABLE alembic_version",
        "DROP TABLE memberships",
        "PRAGMA journal_mode = DELETE",
    ],
)
def test_anything_else_is_for_the_migration(settings: Settings, change: str) -> None:
    execute(settings, change)
    assert not is_current(settings)


def test_database_is_not_made(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path))
    assert not is_current(settings)
    assert not list(tmp_path.iterdir())


def test_file_that_is_no_database(settings: Settings) -> None:
    (settings.data_path / "chat.sqlite3").write_bytes(b"no database " * 1000)
    assert not is_current(settings)


def test_database_that_cannot_be_written(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor could it if what a crash left beside it were another user's: the migration says so."""
    monkeypatch.setattr(current, "LOCK_SECONDS", 0.0)
    with closing(sqlite3.connect(settings.data_path / "chat.sqlite3")) as other:
        other.execute("BEGIN IMMEDIATE")
        assert not is_current(settings)


def test_path_that_cannot_be_looked_at(tmp_path: Path) -> None:
    (tmp_path / "chat.sqlite3").symlink_to("x" * 1000)
    assert not is_current(Settings(data_dir=str(tmp_path)))


def test_other_databases_are_for_the_migration(settings: Settings) -> None:
    url = "postgresql+psycopg://127.0.0.1:1/chat"
    assert not is_current(msgspec.structs.replace(settings, database_url=url))


def test_database_that_is_being_restored_is_waited_for(settings: Settings) -> None:
    answers: list[bool] = []
    asking = threading.Thread(target=lambda: answers.append(is_current(settings)))
    with file_lock(settings.data_path / MIGRATION_FILE):
        asking.start()
        asking.join(0.1)
        assert not answers
    asking.join()
    assert answers == [True]


def test_commands_load_what_migrates_only_to_migrate() -> None:
    program = (
        "import sys, ngw2f.commands.archive, ngw2f.commands.doctor;"
        "sys.exit('alembic' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_commands_load_no_asyncio(settings: Settings) -> None:
    program = (
        "import sys; from ngw2f.commands.cli import main\n"
        "try: main(['doctor'])\n"
        "except SystemExit: pass\n"
        "assert 'redis.client' in sys.modules\n"
        "sys.exit('redis.asyncio.client' in sys.modules)"
    )
    environ = {"NGW2F_DATA_DIR": settings.data_dir, "NGW2F_REDIS_URL": "redis://127.0.0.1:1"}
    subprocess.run([sys.executable, "-c", program], env=environ, check=True)


@pytest.mark.parametrize("command", [["migrate"], ["check", "--database"]])
@pytest.mark.parametrize("redis_url", ["", "redis://127.0.0.1:6379"])
def test_current_database_loads_no_library(
    settings: Settings, command: list[str], redis_url: str
) -> None:
    """Nor does a server's start, which does it by the same function."""
    program = (
        f"import sys; from ngw2f.commands.cli import main; main({command});"
        "unwanted = {'alembic', 'sqlalchemy', 'redis', 'http.client'};"
        "sys.exit(' '.join(unwanted & set(sys.modules)) or None)"
    )
    environ = {"NGW2F_DATA_DIR": settings.data_dir, "NGW2F_REDIS_URL": redis_url}
    subprocess.run([sys.executable, "-c", program], env=environ, check=True)

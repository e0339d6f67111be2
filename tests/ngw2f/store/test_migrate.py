import subprocess
import sys

import msgspec
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text

from ngw2f.settings import Settings
from ngw2f.store.migrate import alembic_config, migrate
from ngw2f.store.schema import metadata


@pytest.fixture
def empty(settings, backend, tmp_path) -> Settings:
    """Return the settings of a chat whose database has nothing in it."""
    if backend == "sqlite":
        return msgspec.structs.replace(settings, data_dir=str(tmp_path / "new" / "var"))
    engine = create_engine(settings.database_url)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return settings


def on_database(settings, ask):
    engine = create_engine(settings.sqlalchemy_url)
    with engine.connect() as connection:
        answer = ask(connection)
    engine.dispose()
    return answer


def test_tables_are_as_declared(empty):
    migrate(empty)

    def differences(connection):
        return compare_metadata(MigrationContext.configure(connection), metadata)

    assert on_database(empty, differences) == []


def test_second_run_changes_nothing(settings):
    def rooms(connection):
        return connection.execute(text("SELECT id, name, created_at FROM rooms")).all()

    before = on_database(settings, rooms)
    migrate(settings)
    assert on_database(settings, rooms) == before


def test_down_and_up_again(settings):
    engine = create_engine(settings.sqlalchemy_url)
    with engine.connect() as connection:
        command.downgrade(alembic_config(connection), "base")
        connection.commit()
    engine.dispose()
    assert on_database(settings, lambda c: inspect(c).get_table_names()) == ["alembic_version"]
    migrate(settings)
    assert "messages" in on_database(settings, lambda c: inspect(c).get_table_names())


def test_once_for_many_processes(empty, monkeypatch):
    monkeypatch.setenv("NGW2F_DATA_DIR", empty.data_dir)
    monkeypatch.setenv("NGW2F_DATABASE_URL", empty.sqlalchemy_url)
    command = [sys.executable, "-m", "ngw2f", "migrate"]
    processes = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    names = on_database(empty, lambda c: c.execute(text("SELECT name FROM rooms")).scalars().all())
    assert names == ["lobby"]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_sqlite_is_in_wal_mode_at_once(empty):
    """So the processes that start next need not change it, each against the others."""
    migrate(empty)
    mode = on_database(empty, lambda c: c.execute(text("PRAGMA journal_mode")).scalar_one())
    assert mode == "wal"

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError

from ngw2f.settings import Settings
from ngw2f.store.migrate import MigrationError, migrate
from ngw2f.store.usable import NewerError, UnusableError, check_chat


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def execute(settings: Settings) -> Callable[..., None]:
    """Give what changes the database; all that is in it is gone."""

    def run(*statements: str) -> None:
        engine = create_engine(settings.sqlalchemy_url)
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()

    return run


@pytest.fixture
def emptied(
    settings: Settings, backend: str, execute: Callable[..., None], tmp_path: Path
) -> Settings:
    if backend == "postgresql":
        execute("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    else:
        (tmp_path / "chat.sqlite3").write_bytes(b"")
    return settings


def test_chat_of_this_version(settings: Settings) -> None:
    check_chat(settings)


def test_empty_database(emptied: Settings) -> None:
    with pytest.raises(UnusableError, match=r"^it is empty: .*; run `ngw2f migrate`$"):
        check_chat(emptied, any_version=True)


def test_other_version(settings: Settings, execute: Callable[..., None]) -> None:
    execute("UPDATE alembic_version SET version_num = '0001'")
    with pytest.raises(UnusableError, match=r"^its schema is 0001, .*; run `ngw2f migrate`$"):
        check_chat(settings)
    execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(NewerError, match="of a newer version of the chat"):
        check_chat(settings)
    check_chat(settings, any_version=True)


OTHERS = {
    "tables of the same names": ["CREATE TABLE users (x int)", "CREATE TABLE posts (x int)"],
    "migrations of its own": [
        "CREATE TABLE posts (x int)",
        "CREATE TABLE alembic_version (version_num varchar(32))",
        "INSERT INTO alembic_version VALUES ('0001')",
    ],
}


@pytest.mark.parametrize("statements", OTHERS.values(), ids=OTHERS)
def test_database_of_another_program(
    emptied: Settings, execute: Callable[..., None], statements: list[str]
) -> None:
    execute(*statements)
    whose = r"^there are tables of another program in it \(posts.*\), and no chat"
    with pytest.raises(UnusableError, match=whose):
        check_chat(emptied, any_version=True)
    with pytest.raises(MigrationError, match=whose):
        migrate(emptied)


def test_chat_beside_other_tables(emptied: Settings, execute: Callable[..., None]) -> None:
    execute("CREATE TABLE posts (x int)")
    migrate(emptied)
    check_chat(emptied)


def test_no_file_is_made(tmp_path: Path) -> None:
    with pytest.raises(UnusableError, match=r"^there is no database at /.*; run `ngw2f migrate`$"):
        check_chat(Settings(data_dir=str(tmp_path)))
    assert not list(tmp_path.iterdir())


def test_database_that_cannot_be_asked(tmp_path: Path) -> None:
    (tmp_path / "chat.sqlite3").write_bytes(b"no database " * 1000)
    with pytest.raises(DBAPIError):
        check_chat(Settings(data_dir=str(tmp_path)))


def test_driver_that_is_not_there(tmp_path: Path) -> None:
    url = "postgresql+pg8000://localhost/chat"
    with pytest.raises(UnusableError, match=r"^its driver is not installed"):
        check_chat(Settings(data_dir=str(tmp_path), database_url=url))

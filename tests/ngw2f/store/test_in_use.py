from pathlib import Path

import pytest
from sqlalchemy import text

from ngw2f.settings import Settings
from ngw2f.store.database import Database
from ngw2f.store.in_use import InUseError, UseNote, exclusive_use

sqlite = pytest.mark.parametrize("backend", ["sqlite"])
postgresql = pytest.mark.parametrize("backend", ["postgresql"])


def take(settings: Settings) -> bool:
    with exclusive_use(settings):
        return True


@sqlite
def test_process_that_runs_is_in_the_way(settings: Settings) -> None:
    notes = [UseNote(settings), UseNote(settings)]
    for note in notes:
        note.note()
        note.note()
    for note in notes:
        with pytest.raises(InUseError, match=r"in-use\.lock\); stop it first"):
            take(settings)
        note.close()
    assert take(settings)


@postgresql
def test_connection_is_in_the_way(settings: Settings) -> None:
    databases = [Database(settings.sqlalchemy_url) for _ in range(2)]
    for database in databases:
        database.ping()
    with pytest.raises(InUseError, match=r"in use by ngw2f as \S+.* and 1 more; stop the chat"):
        take(settings)
    databases[0].close()
    with pytest.raises(InUseError, match="in use by ngw2f as"):
        take(settings)
    databases[1].close()
    assert take(settings)


@postgresql
def test_other_databases_of_the_server_are_not(settings: Settings, postgresql_url: str) -> None:
    other = Database(postgresql_url)
    with other.asking() as connection:
        connection.execute(text("SELECT 1"))
        assert take(settings)
    other.close()


@postgresql
def test_postgresql_needs_no_note(tmp_path: Path, settings: Settings) -> None:
    note = UseNote(settings)
    note.note()
    note.close()
    assert not (tmp_path / "in-use.lock").exists()


def test_service_notes_it(tmp_path: Path) -> None:
    """Where it starts, not where it is built."""
    note = UseNote(Settings(data_dir=str(tmp_path)))
    assert not list(tmp_path.iterdir())
    note.close()

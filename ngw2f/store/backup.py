"""Back the database up while it is in use, and restore it: each by its own means.

SQLite copies itself, as it is at one moment, into another file. PostgreSQL's own
pg_dump and pg_restore do the same.
"""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy.engine import URL, make_url

from ngw2f.settings import Settings
from ngw2f.store.migrate import known_versions


class BackupError(Exception):
    """It cannot be done; the message is one line that says why."""


def back_up(settings: Settings, target: Path) -> None:
    """Write one state of the database into a new file, which only its owner may read."""
    url = make_url(settings.sqlalchemy_url)
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError as error:
        raise BackupError(f"{target} is there already") from error
    try:
        if settings.sqlalchemy_url.startswith("sqlite"):
            check_database(settings)
            _copy_sqlite(_sqlite_path(url), target)
        else:
            _run_postgresql(url, "pg_dump", ["--format=custom", f"--file={target}"])
    except BaseException:
        # Half a backup must not pass for one.
        target.unlink()
        raise


def restore(settings: Settings, source: Path) -> None:
    """Put a backup in the place of the database, all of it or nothing.

    Nobody may use the database meanwhile. SQLite's must not be there: what is in the
    way is for the operator to move.
    """
    if not source.is_file():
        raise BackupError(f"there is no file {source}")
    url = make_url(settings.sqlalchemy_url)
    if not settings.sqlalchemy_url.startswith("sqlite"):
        options = [
            "--clean",
            "--if-exists",
            "--no-owner",
            "--single-transaction",
            "--exit-on-error",
        ]
        _run_postgresql(url, "pg_restore", [*options, str(source)])
        return
    path = _sqlite_path(url)
    # SQLite would take a -wal that was left there for the new one's.
    for old in (path, path.with_name(f"{path.name}-wal")):
        if old.exists():
            raise BackupError(f"{old} is there; stop the chat and move it (with its -wal) away")
    _check_sqlite(source)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Another file in its place when it is whole.
    new = path.with_name(f"{path.name}.restored")
    os.close(os.open(new, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
    try:
        _copy_sqlite(source, new)
        new.rename(path)
    finally:
        new.unlink(missing_ok=True)


def check_database(settings: Settings) -> None:
    """Raise BackupError if there is no SQLite: it would be made by the first look at it."""
    path = _sqlite_path(make_url(settings.sqlalchemy_url))
    if settings.sqlalchemy_url.startswith("sqlite") and not path.exists():
        raise BackupError(f"there is no database at {path}")


def _check_sqlite(source: Path) -> None:
    """Raise BackupError unless *source* is a whole database of this chat, of no newer version."""
    with _reading(source) as connection:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise BackupError(f"{source} is damaged: {found}")
        try:
            (version,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except (sqlite3.OperationalError, TypeError) as error:
            raise BackupError(f"{source} is no backup of a chat") from error
    if version not in known_versions():
        raise BackupError(f"{source} is of a newer version of the chat (schema {version})")


def _copy_sqlite(source: Path, target: Path) -> None:
    with _reading(source) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


@contextmanager
def _reading(source: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as old:
            yield old
    except sqlite3.DatabaseError as error:
        raise BackupError(f"{source}: {error}") from error


def _sqlite_path(url: URL) -> Path:
    return Path(url.database or "")


def _run_postgresql(url: URL, program: str, options: Sequence[str]) -> None:
    """Run one of PostgreSQL's programs; the password goes where no list of processes shows it."""
    path = shutil.which(program)
    if path is None:
        raise BackupError(f"{program} is not installed (apt-get install postgresql-client)")
    told = subprocess.run(
        [path, f"--dbname={_conninfo(url)}", *options],
        env=os.environ | ({"PGPASSWORD": str(url.password)} if url.password else {}),
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode:
        lines = told.stderr.strip().splitlines() or [f"it ended with {told.returncode}"]
        # What follows an error is its statement, and hints.
        reason = next((line for line in lines if "error:" in line), lines[-1])
        raise BackupError(f"{program}: {reason.removeprefix(f'{program}: error: ')}")


def _conninfo(url: URL) -> str:
    """Return how the chat itself connects, in libpq's words, without the password."""
    from psycopg.conninfo import make_conninfo

    _, named = url.get_dialect()().create_connect_args(url)
    named.pop("password", None)
    return make_conninfo(**named)

"""Back the database up while it is in use, and restore it: each by its own means.

SQLite copies itself, as it is at one moment, into another file. PostgreSQL's own
pg_dump and pg_restore do the same.
"""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import URL, make_url

from ngw2f.settings import Settings


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
        database = f"--dbname={url.database}"
        _run_postgresql(url, "pg_restore", [*options, database, str(source)])
        return
    path = _sqlite_path(url)
    if path.exists():
        raise BackupError(f"{path} is there; stop the chat and move it (with its -wal) away")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _copy_sqlite(source, path)


def _copy_sqlite(source: Path, target: Path) -> None:
    if not source.exists():
        raise BackupError(f"there is no database at {source}")
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        try:
            old.backup(new)
        except sqlite3.DatabaseError as error:
            raise BackupError(f"{source}: {error}") from error


def _sqlite_path(url: URL) -> Path:
    return Path(url.database or "")


def _run_postgresql(url: URL, program: str, options: Sequence[str]) -> None:
    """Run one of PostgreSQL's programs; the password goes where no list of processes shows it."""
    path = shutil.which(program)
    if path is None:
        raise BackupError(f"{program} is not installed (apt-get install postgresql-client)")
    host = url.query.get("host", url.host)
    variables = {
        "PGHOST": host if isinstance(host, str) else None,
        "PGPORT": str(url.port) if url.port else None,
        "PGUSER": url.username,
        "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
    }
    given = {name: value for name, value in variables.items() if value}
    told = subprocess.run(
        [path, *options], env={**os.environ, **given}, capture_output=True, text=True, check=False
    )
    if told.returncode:
        raise BackupError(f"{program}: {told.stderr.strip().splitlines()[-1]}")

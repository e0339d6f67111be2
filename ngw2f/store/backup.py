"""Back up the database while it is in use, and restore it.

SQLite copies a single state of itself into another file. For PostgreSQL, its own pg_dump and
pg_restore do the same.
"""

import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from ngw2f.settings import Settings
from ngw2f.store import search
from ngw2f.store.current import TABLES, known_schemas
from ngw2f.store.file_backup import back_up_files, restore_files
from ngw2f.store.in_use import exclusive_use
from ngw2f.store.reasons import reason_of
from ngw2f.store.schema import metadata
from ngw2f.store.succession import greatest_ids, succeed
from ngw2f.store.usable import UnusableError, check_chat
from ngw2f.store.whole_file import whole_file

# An entry of pg_restore's list: TABLE or TABLE DATA, the schema, and the name.
LISTED = re.compile(r"^\d+; \d+ \d+ (TABLE(?: DATA)?) (\S+) (\S+) ", re.MULTILINE)
COPIED_VERSION = re.compile(r"^COPY .*alembic_version .*;\n(.*)\n\\\.$", re.MULTILINE)


class BackupError(Exception):
    """The backup or restore failed; the message is one line that says why."""


def back_up(settings: Settings, target: Path) -> None:
    """Write a single state of the database into a new file, which only its owner may read.

    What people uploaded goes into a folder beside it, if there is anything.
    """
    is_sqlite = settings.sqlalchemy_url.startswith("sqlite")
    try:
        check_chat(settings, any_version=True)
    except (UnusableError, SQLAlchemyError) as error:
        raise BackupError(reason_of(error)) from error
    url = make_url(settings.sqlalchemy_url)
    try:
        with whole_file(target) as part:
            if is_sqlite:
                _copy_sqlite(_sqlite_path(url), part)
            else:
                _run("pg_dump", ["--format=custom", f"--file={part}"], url)
            # Later: of what was uploaded by then, all is on the disk that nobody removed since.
            back_up_files(settings.data_path, target)
    except FileExistsError as error:
        raise BackupError(f"{target} is there already") from error


def restore(settings: Settings, source: Path) -> None:
    """Replace the database by a backup, completely or not at all.

    Raises InUseError while the chat is running. SQLite's file must not exist: the operator must
    move it away. Clients are told that what they know of the replaced database is outdated.
    """
    if not source.is_file():
        raise BackupError(f"there is no file {source}")
    url = make_url(settings.sqlalchemy_url)
    if not settings.sqlalchemy_url.startswith("sqlite"):
        _restore_postgresql(settings, url, source)
        restore_files(settings.data_path, source)
        return
    path = _sqlite_path(url)
    # SQLite would apply a -wal that is left there to the new file.
    for old in (path, path.with_name(f"{path.name}-wal")):
        if old.exists():
            raise BackupError(f"{old} is there; stop the chat and move it (with its -wal) away")
    _check_sqlite(source)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with exclusive_use(settings), whole_file(path) as new:
        _copy_sqlite(source, new)
        engine = create_engine(url.set(database=str(new)), poolclass=NullPool)
        with engine.begin() as connection:
            succeed(connection)
        restore_files(settings.data_path, source)


def _restore_postgresql(settings: Settings, url: URL, source: Path) -> None:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        namespace = connection.scalar(text("SELECT current_schema()"))
    _check_dump(source, str(namespace))
    with exclusive_use(settings):
        with engine.connect() as connection:
            used = greatest_ids(connection)
        _replace_postgresql(url, source, str(namespace))
        with engine.begin() as connection:
            succeed(connection, used)


def _replace_postgresql(url: URL, source: Path, namespace: str) -> None:
    """Replace all tables of the chat by those of a dump, in one transaction.

    The dump may have an older schema; pg_restore alone would keep the newer tables, which refer to
    older ones.
    """
    tables = (*metadata.tables, *search.TABLES, "alembic_version")
    names = ", ".join(f'"{namespace}"."{name}"' for name in tables)
    with tempfile.TemporaryDirectory() as directory:
        script = Path(directory, "restore.sql")
        options = ["--clean", "--if-exists", "--no-owner", f"--file={script}"]
        _run("pg_restore", [*options, str(source)])
        # One statement, because they refer to each other; references from other tables stop it.
        drop = f"SET client_min_messages = warning; DROP TABLE IF EXISTS {names}"
        options = ["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1"]
        _run("psql", [*options, f"--command={drop}", f"--file={script}"], url)


def _check_dump(source: Path, namespace: str) -> None:
    """Raise BackupError unless *source* is a dump of this chat, with its rows, not a newer one.

    pg_restore itself would accept any program's dump, and drop what has the same name.
    """
    listed = LISTED.findall(_run("pg_restore", ["--list", str(source)]))
    for kind in ("TABLE", "TABLE DATA"):
        found = {name for each, schema, name in listed if (each, schema) == (kind, namespace)}
        if not found >= TABLES:
            raise BackupError(f"{source} is not a backup of a chat in the schema {namespace}")
    rows = _run("pg_restore", ["--data-only", "--table=alembic_version", "--file=-", str(source)])
    versions = COPIED_VERSION.findall(rows)
    _check_version(source, versions[0] if versions else "none")


def _check_version(source: Path, version: str) -> None:
    if version not in known_schemas():
        raise BackupError(f"{source} is of a newer version of the chat (schema {version})")


def _check_sqlite(source: Path) -> None:
    """Raise BackupError unless *source* is an intact database of this chat, not a newer one."""
    with _reading(source) as connection:
        (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise BackupError(f"{source} is damaged: {' '.join(found.split())}")
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        if not {name for (name,) in tables} >= TABLES:
            raise BackupError(f"{source} is not a backup of a chat")
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    _check_version(source, row[0] if row else "none")


def _copy_sqlite(source: Path, target: Path) -> None:
    with _reading(source) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


@contextmanager
def _reading(source: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as old:
            yield old
    except UnicodeDecodeError as error:
        # Even SQLite's error message may contain bytes of the file.
        raise BackupError(f"{source} is damaged: {error}") from error
    except sqlite3.DatabaseError as error:
        raise BackupError(f"{source}: {error}") from error


def _sqlite_path(url: URL) -> Path:
    return Path(url.database or "")


def _run(program: str, options: Sequence[str], url: URL | None = None) -> str:
    """Run one of PostgreSQL's programs, on a database if there is a *url*; return its output.

    The password is passed in the environment, which lists of processes do not show.
    """
    path = shutil.which(program)
    if path is None:
        raise BackupError(f"{program} is not installed (apt-get install postgresql-client)")
    told = subprocess.run(
        [path, *([f"--dbname={_conninfo(url)}"] if url else []), *options],
        env=os.environ | ({"PGPASSWORD": str(url.password)} if url and url.password else {}),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if told.returncode:
        lines = told.stderr.strip().splitlines() or [f"it ended with {told.returncode}"]
        # After the error come its statement, and hints.
        reason = next((line for line in lines if "error:" in line.lower()), lines[-1])
        raise BackupError(f"{program}: {reason.removeprefix(f'{program}: error: ')}")
    return told.stdout


def _conninfo(url: URL) -> str:
    """Return the chat's own connection parameters for libpq, without the password."""
    from psycopg.conninfo import make_conninfo

    _, named = url.get_dialect()().create_connect_args(url)
    named.pop("password", None)
    return make_conninfo(**named)

"""What `ngw2f backup`, `restore`, `export` and `import` do."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from ngw2f.settings import Settings
from ngw2f.store.backup import BackupError, back_up, check_database, restore
from ngw2f.store.database import Database
from ngw2f.store.exchange import ImportRefusedError, export_lines, import_lines
from ngw2f.store.migrate import migrate


def run(command: str, settings: Settings, path: Path) -> None:
    """Run the command of that name; what cannot be done ends it with one line."""
    try:
        match command:
            case "backup":
                back_up(settings, path)
            case "restore":
                restore(settings, path)
            case "export":
                _export(settings, path)
            case "import":
                _import(settings, path)
    except (BackupError, ImportRefusedError, OSError, OverflowError) as error:
        sys.exit(f"ngw2f {command}: {error}")
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        sys.exit(f"ngw2f {command}: {reason}")


def _export(settings: Settings, path: Path) -> None:
    check_database(settings)
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file, _database(settings) as database:
            with database.reading() as connection:
                file.writelines(export_lines(connection))
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        # Half an export must not pass for one.
        path.unlink()
        raise


def _import(settings: Settings, path: Path) -> None:
    with open(path, "rb") as file:
        migrate(settings)
        with _database(settings) as database, database.writing() as connection:
            count = import_lines(connection, file)
    sys.stdout.write(f"{count} rows\n")


@contextmanager
def _database(settings: Settings) -> Iterator[Database]:
    database = Database(settings.sqlalchemy_url)
    try:
        yield database
    finally:
        database.close()

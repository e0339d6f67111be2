"""What `ngw2f backup`, `restore`, `export` and `import` do."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NoReturn

from sqlalchemy.exc import SQLAlchemyError

from ngw2f.settings import Settings
from ngw2f.store.backup import BackupError, back_up, restore
from ngw2f.store.database import Database
from ngw2f.store.in_use import InUseError, exclusive_use
from ngw2f.store.reasons import reason_of
from ngw2f.store.succession import succeed
from ngw2f.store.transfer import ImportRefusedError, export_lines, import_lines
from ngw2f.store.usable import UnusableError, check_chat
from ngw2f.store.whole_file import whole_file

STANDARD = Path("-")


def run(command: str, settings: Settings, path: Path) -> None:
    """Run the command of that name; exit with one line if it fails."""
    try:
        with _stoppable(command):
            match command:
                case "backup":
                    back_up(settings, path)
                case "restore":
                    restore(settings, path)
                case "export":
                    _export(settings, path)
                case "import":
                    _import(settings, path)
    except (BackupError, ImportRefusedError, InUseError, UnusableError, OSError, OverflowError,
            UnicodeDecodeError) as error:  # fmt: skip
        sys.exit(f"ngw2f {command}: {error}")
    except SQLAlchemyError as error:
        sys.exit(f"ngw2f {command}: {reason_of(error)}")


def _export(settings: Settings, path: Path) -> None:
    check_chat(settings)
    if path == STANDARD:
        _write(settings, sys.stdout.buffer)
        return
    with whole_file(path) as part, open(part, "wb") as file:
        _write(settings, file)


def _write(settings: Settings, file: BinaryIO) -> None:
    with _database(settings) as database, database.reading() as connection:
        file.writelines(export_lines(connection))
    file.flush()


def _import(settings: Settings, path: Path) -> None:
    # The others need none of its libraries.
    from ngw2f.store.migrate import MigrationError, migrate

    with open(0 if path == STANDARD else path, "rb", closefd=path != STANDARD) as file:
        try:
            migrate(settings)
        except MigrationError as error:
            sys.exit(f"ngw2f import: {error}")
        with (
            exclusive_use(settings),
            _database(settings) as database,
            database.writing() as connection,
        ):
            count = import_lines(connection, file)
            succeed(connection)
    sys.stdout.write(f"{count} rows\n")


@contextmanager
def _stoppable(command: str) -> Iterator[None]:
    """Make SIGTERM end the block like an error, so that it cleans up."""

    def stop(_number: int, _frame: object) -> NoReturn:
        sys.exit(f"ngw2f {command}: stopped")

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _database(settings: Settings) -> Iterator[Database]:
    database = Database(settings.sqlalchemy_url)
    try:
        yield database
    finally:
        database.close()

"""A database that has the newest schema, for whatever tests no migration.

A migration takes as much processor time as the rest of a start.
"""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from ngw2f.settings import Settings
from ngw2f.store.migrate import migrate


def copy_migrated(data_dir: Path) -> None:
    """Put a database into the folder, unless it has one."""
    data_dir.mkdir(mode=0o700, exist_ok=True)
    if not (data_dir / "chat.sqlite3").exists():
        shutil.copy(migrate_once(), data_dir)


@cache
def migrate_once() -> Path:
    """Return a database to copy, which is made when this process first needs it."""
    directory = tempfile.mkdtemp(prefix="ngw2f-migrated-")
    atexit.register(shutil.rmtree, directory)
    migrate(Settings(data_dir=directory))
    return Path(directory) / "chat.sqlite3"

"""Files that only their owner may read, whatever directory they are in and whatever the umask."""

import os
import stat
from pathlib import Path

from sqlalchemy.engine import make_url

PRIVATE = 0o600


def make_private(path: Path) -> None:
    """Make an empty file for its owner alone; one that is there stays as it is.

    SQLite would make its own with the umask's mode. Its `-wal` and `-shm` get that of the
    database. Raises OSError.
    """
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, PRIVATE)
    except FileExistsError:
        return
    try:
        os.fchmod(descriptor, PRIVATE)  # The umask may have taken the owner's rights too.
    finally:
        os.close(descriptor)


def is_open_to_others(path: Path) -> bool:
    """Say whether somebody else may read or write a file, and get into its directory."""
    modes = [stat.S_IMODE(place.stat().st_mode) for place in (path, path.parent)]
    return bool(modes[0] & 0o066 and modes[1] & 0o011)


def sqlite_path(url: str) -> Path | None:
    """Return the file that a database is in; None for PostgreSQL, or one in memory.

    Raises ArgumentError for what is no URL.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    return Path(parsed.database or "")

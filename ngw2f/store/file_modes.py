"""Files that only their owner may read, whatever their directory and the umask."""

import os
import stat
from pathlib import Path

from sqlalchemy.engine import make_url

PRIVATE = 0o600


def make_private(path: Path) -> None:
    """Create an empty file for its owner only; an existing file stays as it is.

    SQLite would create the file with the umask's mode, and gives its `-wal` and `-shm` the mode of
    the file. Raises OSError.
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
    """Return whether others may read or write a file, and enter its directory."""
    modes = [stat.S_IMODE(place.stat().st_mode) for place in (path, path.parent)]
    return bool(modes[0] & 0o066 and modes[1] & 0o011)


def sqlite_path(url: str) -> Path | None:
    """Return the file of a database; None for PostgreSQL, or a database in memory.

    Raises ArgumentError for an invalid URL.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    return Path(parsed.database or "")

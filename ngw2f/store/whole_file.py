"""A file that is there whole, and on the disk, or not at all."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# What a file system answers that has no second names for a file.
NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Give the path of an empty file beside *target*, which takes its name when the block ends.

    Only its owner may read it. A process that is killed leaves at most that file, whose name
    begins with a dot and ends with `.part`. Raises FileExistsError rather than replace a file.
    """
    _refuse_existing(target)
    part = target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}.part")
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        yield part
        _sync(part)
        _name(part, target)
    finally:
        part.unlink(missing_ok=True)
    _sync(target.parent)


def _name(part: Path, target: Path) -> None:
    try:
        # Unlike a rename, it replaces nothing.
        os.link(part, target)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        _refuse_existing(target)
        part.rename(target)


def _refuse_existing(target: Path) -> None:
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, "it is there already", str(target))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

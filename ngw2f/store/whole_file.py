"""Write a file so that it appears complete and synced to disk, or not at all."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# The errors of file systems without hard links.
NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Yield the path of an empty file beside *target*, which is renamed to it when the block ends.

    Only its owner may read it. A process that is killed leaves at most this file, whose name begins
    with a dot and ends with `.part`. Raises FileExistsError instead of replacing a file.
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
        # Unlike a rename, a link replaces nothing.
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

"""The bytes of uploaded files, on the disk under random names.

They lie in `files/` of the data folder, in 256 folders. Only their owner may read them, or its
group too, if nginx is to send them. Nothing a client says is part of a path.
"""

import hashlib
import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any, TypeVar

from ngw2f.text.picture_metadata import FORMATS, DamagedError, wipe_metadata
from ngw2f.text.sniff import UNKNOWN, upload_media_type

T = TypeVar("T")

FOLDER = "files"
FOLDER_MODE = 0o700
KEY_BYTES = 16
# So much tells the type of a file.
HEAD_BYTES = 64


class TooLongError(Exception):
    """There is more to write than there may be."""


class FileContents:
    def __init__(self, data_path: Path, *, is_for_group: bool = False) -> None:
        self.folder = data_path / FOLDER
        self._folder_mode, self._mode = (0o750, 0o640) if is_for_group else (FOLDER_MODE, 0o600)

    def new_key(self) -> str:
        return secrets.token_hex(KEY_BYTES)

    def place_of(self, key: str) -> str:
        """Return where a file lies below the folder."""
        return f"{key[:2]}/{key}"

    def path_of(self, key: str) -> Path:
        return self.folder / self.place_of(key)

    def write(self, key: str, pieces: Iterable[bytes], most: int) -> tuple[int, str]:
        """Store a new file, safe from a power cut; return its size and its media type.

        A picture is stored without its metadata; one that is damaged is of no known type. The disk
        is waited for in a thread, so that others go on. Raises TooLongError, OSError, and what
        *pieces* raises; then a part of the file may be there.
        """
        descriptor = _in_thread(self._create, key)
        try:
            size, head = 0, b""
            for piece in pieces:
                size += len(piece)
                if size > most:
                    raise TooLongError
                head += piece[: HEAD_BYTES - len(head)]
                _in_thread(_write_all, descriptor, piece)
            media_type = upload_media_type(head)
            if media_type in FORMATS:
                size, media_type = _in_thread(_wipe, descriptor, media_type)
            _in_thread(os.fsync, descriptor)
        finally:
            os.close(descriptor)
        _in_thread(_sync_folder, self.path_of(key).parent)
        return size, media_type

    def remove(self, key: str) -> None:
        """Delete a file, if it is there. Raises OSError."""
        self.path_of(key).unlink(missing_ok=True)

    def make_folder(self) -> Path:
        """Return the folder, which is there now."""
        self.folder.mkdir(mode=self._folder_mode, parents=True, exist_ok=True)
        return self.folder

    def digest_of(self, file: IO[bytes]) -> str:
        """Return the SHA-256 of the rest of an open file, read in a thread."""
        return str(_in_thread(hashlib.file_digest, file, "sha256").hexdigest())

    def _create(self, key: str) -> int:
        path = self.path_of(key)
        self.make_folder()
        path.parent.mkdir(mode=self._folder_mode, exist_ok=True)
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(path, flags, self._mode)
        os.fchmod(descriptor, self._mode)  # The umask may have taken the owner's rights too.
        return descriptor


def _write_all(descriptor: int, piece: bytes) -> None:
    left = memoryview(piece)
    while left:
        left = left[os.write(descriptor, left) :]


def _wipe(descriptor: int, media_type: str) -> tuple[int, str]:
    """Wipe a picture's metadata; return its size and its type."""
    with os.fdopen(descriptor, "r+b", closefd=False) as file:
        try:
            size = wipe_metadata(file, media_type)
        except DamagedError:
            return file.seek(0, os.SEEK_END), UNKNOWN
        file.truncate(size)
    return size, media_type


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _in_thread(function: Callable[..., T], *arguments: Any) -> T:
    # Jobs only remove files, and do without it.
    import gevent

    result: T = gevent.get_hub().threadpool.apply(function, arguments)
    return result

"""Files: upload one to a room, and find one."""

import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ngw2f.actions import rights
from ngw2f.api_resources import File
from ngw2f.broker.limits import Limits
from ngw2f.core import Core
from ngw2f.errors import Conflict, NotFound, TooLarge, Unavailable
from ngw2f.jobs.wakeup import WakeUp
from ngw2f.sentences import Sentence, translatable
from ngw2f.store import file_pictures, files
from ngw2f.store.file_contents import TooLongError
from ngw2f.store.files import SpaceError, StoredFile
from ngw2f.store.users import UserRow
from ngw2f.text.file_names import NAMELESS, clean_file_name
from ngw2f.text.picture_metadata import FORMATS

NO_FILE = translatable("there is no such file")
# The disk, or the share of it that the server may have, is full.
FULL = {errno.ENOSPC, errno.EDQUOT}


class Files:
    def __init__(self, core: Core, limits: Limits, wakeup: WakeUp) -> None:
        self._core = core
        self._limits = limits
        # Wakes the workers that render, which wake those that make pictures.
        self._wakeup = wakeup
        self._contents = core.files

    def upload(
        self, user: UserRow, room_id: int, name: str, pieces: Iterable[bytes], size: int | None
    ) -> File:
        """Store a file for a message in a room that the user may post in.

        *name*: whatever the client says. *size*: of all pieces, None if nobody knows. Nobody else
        sees it before a message shows it; unless one does within a day, it is removed.
        Raises TooMany, TooLarge, NotFound, Conflict, Unavailable, and what *pieces* raises.
        """
        core = self._core
        self._limits.take("upload", user.id)
        key = self._contents.new_key()
        file_id, most = self._set_aside(key, user, room_id, clean_file_name(name), size)
        try:
            length, media_type = self._contents.write(key, pieces, most)
            with core.database.writing() as connection:
                is_picture = media_type in FORMATS and length <= file_pictures.MAX_BYTES
                whole = files.finish_file(
                    connection, file_id, length, media_type, is_picture=is_picture
                )
            if whole is None:
                raise Conflict("the file was removed while it was uploaded")
            if is_picture:
                self._wakeup.wake()
            return whole
        except BaseException as error:
            self._contents.remove(key)
            with core.database.writing() as connection:
                files.forget_files(connection, [file_id])
            if isinstance(error, TooLongError):
                raise _too_large(most) from error
            if isinstance(error, OSError) and error.errno in FULL:
                raise Unavailable("the server has no space left for files") from error
            raise

    @contextmanager
    def set_aside(self, user: UserRow, room_id: int, size: int | None) -> Iterator[None]:
        """Count a form with files for a room as one upload, and as a file while it is read.

        So nobody fills the disk with many forms at a time. Raises as `upload` does.
        """
        self._limits.take("upload", user.id)
        file_id, _ = self._set_aside(self._contents.new_key(), user, room_id, NAMELESS, size)
        try:
            yield
        finally:
            with self._core.database.writing() as connection:
                files.forget_files(connection, [file_id])

    def find(self, reader: UserRow | None, file_id: int, name: str) -> StoredFile:
        """Return a file that the reader may see now. Raises NotFound."""
        with self._core.database.asking() as connection:
            found = files.find_file(connection, file_id, reader)
        if found is None or found.name != name:
            raise NotFound(NO_FILE)
        return found

    def find_picture(self, reader: UserRow | None, file_id: int, name: str) -> tuple[str, bytes]:
        """Return the media type and the body of a file's small picture. Raises NotFound."""
        file = self.find(reader, file_id, name)
        with self._core.database.asking() as connection:
            picture = file_pictures.find_picture(connection, file.id)
        if picture is None:
            raise NotFound(NO_FILE)
        return picture

    def _set_aside(
        self, key: str, user: UserRow, room_id: int, name: str, size: int | None
    ) -> tuple[int, int]:
        """Return the id of a file that is to come, and how long it may be."""
        settings = self._core.settings
        most = settings.max_file_bytes
        if size is not None and size > most:
            raise _too_large(most)
        try:
            with self._core.database.writing() as connection:
                rights.find_open_room(connection, room_id, user)
                return files.add_file(
                    connection, key, user.id, room_id, name, size,
                    most=most, most_of_user=settings.file_bytes_per_account,
                )  # fmt: skip
        except SpaceError as error:
            raise _no_room(error) from error

    def path_of(self, file: StoredFile) -> Path:
        return self._contents.path_of(file.key)

    def place_of(self, file: StoredFile) -> str:
        """Return where a file lies below the folder of all files."""
        return self._contents.place_of(file.key)


def _no_room(error: SpaceError) -> TooLarge:
    left = f"{error.left:,}"
    return TooLarge(Sentence("your files leave room for %(left)s bytes", left=left))


def _too_large(most: int) -> TooLarge:
    in_words = f"{most:,}"
    return TooLarge(Sentence("a file may have at most %(most)s bytes", most=in_words))

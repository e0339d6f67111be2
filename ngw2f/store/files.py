"""Files that people upload: who may see one, and the rows, which say what lies on the disk.

A row is there before the first byte and after the last: so whatever process is killed, nothing
lies on the disk that the upkeep does not know of.
"""

import time
from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    delete,
    func,
    insert,
    select,
    update,
)

from ngw2f.api_resources import File
from ngw2f.store.among import among
from ngw2f.store.order import take_turn
from ngw2f.store.prepared import Prepared
from ngw2f.store.rooms import is_visible, reader_parameters
from ngw2f.store.schema import files, messages, rooms
from ngw2f.store.users import UserRow

# So long a file may wait for the message that shows it.
UNUSED_SECONDS = 24 * 3600
# What is no longer needed is removed after this, when nobody who found it there is at work.
GRACE_SECONDS = 60
# What each takes beside its bytes: the row, and the end of its last block.
COST_BYTES = 4096

SHOWN = (
    files.c.id,
    files.c.name,
    files.c.size,
    files.c.media_type,
    files.c.image_width,
    files.c.image_height,
)
OF_MESSAGES = Prepared(
    select(files.c.message_id, *SHOWN)
    .where(among(files.c.message_id, "ids"))
    .order_by(files.c.message_id, files.c.id)
)


class StoredFile(NamedTuple):
    """A file as it is sent, and its name on the disk."""

    id: int
    name: str
    size: int
    media_type: str
    # Of its small picture in pixels; 0: it has none.
    image_width: int
    image_height: int
    key: str


class SpaceError(Exception):
    """The account has no room for the file; it has *left* bytes."""

    def __init__(self, left: int) -> None:
        super().__init__(left)
        self.left = left


def add_file(
    connection: Connection,
    key: str,
    user_id: int,
    room_id: int,
    name: str,
    size: int | None,
    *,
    most: int,
    most_of_user: int,
) -> tuple[int, int]:
    """Set space aside for a file that is to be uploaded; return its id, and how long it may be.

    *size*: None if it is not known before. *most*, *most_of_user*: the bytes of a file, and of all
    of the user's. Raises SpaceError.
    """
    # Held until the commit, so that no other transaction counts meanwhile.
    now = take_turn(connection).now
    used = func.coalesce(func.sum(files.c.size + COST_BYTES), 0)
    taken = connection.execute(select(used).where(files.c.user_id == user_id)).scalar_one()
    left = most_of_user - int(taken) - COST_BYTES
    if left < (size or 0):
        raise SpaceError(max(0, left))
    reserved = min(most, left) if size is None else size
    values = {
        "key": key,
        "user_id": user_id,
        "room_id": room_id,
        "name": name,
        "size": reserved,
        "created_at": now,
        "expires_at": now + UNUSED_SECONDS,
    }
    file_id = connection.execute(insert(files).values(values).returning(files.c.id)).scalar_one()
    return file_id, reserved


def finish_file(
    connection: Connection, file_id: int, size: int, media_type: str, *, is_picture: bool = False
) -> File | None:
    """Store the result of an upload; None if the file is to go, as that of a deleted account.

    If it is a picture, a worker is to make a small one of it.
    """
    is_wanted = files.c.id == file_id, files.c.expires_at > time.time()
    whole = (
        update(files)
        .where(*is_wanted)
        .values(
            size=size, media_type=media_type, picture_due_at=time.time() if is_picture else None
        )
    )
    row = connection.execute(whole.returning(*SHOWN)).first()
    return File.of(*row) if row else None


def attach_files(
    connection: Connection, message_id: int, room_id: int, user_id: int, file_ids: Collection[int]
) -> tuple[File, ...]:
    """Have a message show files; return those of them that it may, in the order of their ids.

    These are whole, the user's own, uploaded to the same room, and shown nowhere else.
    """
    statement = update(files).where(files.c.id.in_(file_ids), *_usable(room_id, user_id))
    taken = statement.values(message_id=message_id, expires_at=None).returning(*SHOWN)
    return tuple(sorted((File.of(*row) for row in connection.execute(taken)), key=_id_of))


def files_of(connection: Connection, message_ids: Collection[int]) -> dict[int, tuple[File, ...]]:
    """Return the files of messages, without those that have none."""
    found: dict[int, tuple[File, ...]] = {}
    for message_id, *row in OF_MESSAGES.fetch(connection, {"ids": list(message_ids)}):
        found[message_id] = (*found.get(message_id, ()), File.of(*row))
    return found


def find_file(connection: Connection, file_id: int, reader: UserRow | None) -> StoredFile | None:
    """Return a file that the reader may see: in a message of a visible room, or not posted yet.

    What was uploaded and not posted is for its owner only.
    """
    statement = select(*SHOWN, files.c.key).where(files.c.id == file_id, files.c.media_type != "")
    shown = statement.join_from(files, messages, files.c.message_id == messages.c.id)
    shown = shown.join(rooms, rooms.c.id == messages.c.room_id)
    shown = shown.where(is_visible(to_user=reader is not None))
    row = connection.execute(shown, reader_parameters(reader)).first()
    if row is None and reader is not None:
        own = statement.where(files.c.message_id.is_(None), files.c.user_id == reader.id)
        row = connection.execute(own).first()
    return StoredFile(*row) if row else None


def expire_files(connection: Connection, message_ids: Collection[int] | Select[tuple[int]]) -> None:
    """Have the files of messages removed, because the messages are deleted for good."""
    of_messages = files.c.message_id.in_(message_ids)
    connection.execute(update(files).where(of_messages).values(expires_at=time.time()))


def list_expired(connection: Connection, limit: int) -> list[tuple[int, str]]:
    """Return the ids and keys of files to remove."""
    is_expired = files.c.expires_at <= time.time() - GRACE_SECONDS
    statement = select(files.c.id, files.c.key).where(is_expired).order_by(files.c.id).limit(limit)
    return [(file_id, key) for file_id, key in connection.execute(statement)]


def forget_files(connection: Connection, file_ids: Collection[int]) -> None:
    """Delete the rows of files that are on the disk no longer."""
    connection.execute(delete(files).where(files.c.id.in_(file_ids)))


def _usable(room_id: int, user_id: int) -> tuple[ColumnElement[bool], ...]:
    return (
        files.c.room_id == room_id,
        files.c.user_id == user_id,
        files.c.message_id.is_(None),
        files.c.media_type != "",
        files.c.expires_at > time.time(),
    )


def _id_of(file: File) -> int:
    return file.id

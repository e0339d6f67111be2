"""The small pictures of uploaded ones: which wait to be made, and what was made."""

import time
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, insert, select, update

from ngw2f.store.prepared import Prepared
from ngw2f.store.schema import file_pictures, files

# Larger ones are downloads without a picture: a worker holds one of them at a time.
MAX_BYTES = 20 * 1024 * 1024
# A worker that died has this long; then another tries, some times in all.
RETRY_SECONDS = 60.0
MAX_TRIES = 3

DUE_BEFORE = Prepared(select(files.c.id).where(files.c.picture_due_at < bindparam("time")).limit(1))


class DuePicture(NamedTuple):
    """An uploaded picture, and its name on the disk."""

    id: int
    key: str


class Picture(NamedTuple):
    """A small picture; its size in pixels."""

    body: bytes
    media_type: str
    width: int
    height: int


def has_due(connection: Connection, before: float) -> bool:
    """Return whether pictures have waited since before that time."""
    return bool(DUE_BEFORE.fetch(connection, {"time": before}))


def take_due(connection: Connection) -> DuePicture | None:
    """Return the next picture that waits, which nobody else gets for RETRY_SECONDS."""
    now = time.time()
    is_due = files.c.picture_due_at <= now
    next_one = select(files.c.id, files.c.key, files.c.picture_tries).where(is_due)
    row = connection.execute(
        next_one.order_by(files.c.picture_due_at, files.c.id).limit(1).with_for_update()
    ).first()
    if row is None:
        return None
    tries = row.picture_tries + 1
    due_at = now + RETRY_SECONDS if tries < MAX_TRIES else None
    taken = update(files).where(files.c.id == row.id)
    connection.execute(taken.values(picture_due_at=due_at, picture_tries=tries))
    return DuePicture(row.id, row.key)


def give_up(connection: Connection, file_id: int) -> None:
    """Leave a file without a picture, for good."""
    connection.execute(update(files).where(files.c.id == file_id).values(picture_due_at=None))


def message_of(connection: Connection, file_id: int) -> int | None:
    """Return the message that shows a file, if one does."""
    return connection.execute(
        select(files.c.message_id).where(files.c.id == file_id)
    ).scalar_one_or_none()


def set_picture(connection: Connection, file_id: int, picture: Picture) -> int | None:
    """Store the small picture of a file, if that is still there; return its message, if any."""
    size = {"image_width": picture.width, "image_height": picture.height}
    done = update(files).where(files.c.id == file_id).values(**size, picture_due_at=None)
    row = connection.execute(done.returning(files.c.message_id)).first()
    if row is None:
        return None
    message_id: int | None = row.message_id
    values = {"file_id": file_id, "media_type": picture.media_type, "body": picture.body}
    connection.execute(insert(file_pictures).values(values))
    return message_id


def find_picture(connection: Connection, file_id: int) -> tuple[str, bytes] | None:
    """Return the media type and the body of a file's small picture. Whoever asks may see it."""
    statement = select(file_pictures.c.media_type, file_pictures.c.body)
    row = connection.execute(statement.where(file_pictures.c.file_id == file_id)).first()
    return (row.media_type, row.body) if row else None

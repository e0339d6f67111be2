"""Make small pictures of uploaded ones, which messages show.

One at a time, in a thread of the process that fetches links, which may crash and start again. So
slow sites delay no picture, and a bomb takes no worker down.
"""

import logging
import threading
import time
from typing import TYPE_CHECKING

from sqlalchemy.exc import OperationalError

from ngw2f.core import Core
from ngw2f.links.fetching import Fetching
from ngw2f.links.guard.errors import LinkFailed
from ngw2f.links.preview.form import OF_FILE
from ngw2f.store import file_pictures, messages
from ngw2f.store.database import DatabaseBusyError
from ngw2f.store.file_pictures import DuePicture, Picture

if TYPE_CHECKING:
    from ngw2f.links.preview.thumbnail import Thumbnail

# When the process ends, the picture that is being made has this long.
CLOSE_SECONDS = 2.0

log = logging.getLogger(__name__)


class Pictures:
    def __init__(self, core: Core, fetching: Fetching, stopping: threading.Event) -> None:
        self._core = core
        self._fetching = fetching
        self._stopping = stopping
        self._thread: threading.Thread | None = None

    @property
    def is_busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def has_due(self) -> bool:
        with self._core.database.asking() as connection:
            return file_pictures.has_due(connection, time.time())

    def start(self) -> None:
        """Make the pictures that wait, in a thread, unless one does so already."""
        if self.is_busy or self._stopping.is_set() or not self.has_due():
            return
        # A daemon, so that it does not delay exit: another process tries again.
        self._thread = threading.Thread(target=self._make_all, daemon=True)
        self._thread.start()

    def close(self) -> None:
        if self._thread is not None:
            self._thread.join(CLOSE_SECONDS)

    def make_next(self) -> bool:
        """Make one; return whether any waited. Raises what the database raises."""
        database = self._core.database
        with database.writing() as connection:
            due = file_pictures.take_due(connection)
        if due is None:
            return False
        try:
            body = self._core.files.path_of(due.key).read_bytes()
            made = self._fetching.thumbnailer.make(body, OF_FILE)
        except (LinkFailed, OSError) as error:
            log.info("no picture of file %d: %s", due.id, error)
            with database.writing() as connection:
                file_pictures.give_up(connection, due.id)
        else:
            self._store(due, made)
        return True

    def _make_all(self) -> None:
        try:
            while not self._stopping.is_set() and self.make_next():
                pass
        except (DatabaseBusyError, OperationalError) as error:
            log.warning("storing pictures failed, will retry: %s", str(error).splitlines()[0])
        except Exception:
            log.exception("making a picture failed")

    def _store(self, due: DuePicture, made: "Thumbnail") -> None:
        events = self._core.events
        picture = Picture(made.body, made.media_type, made.width, made.height)
        with self._core.database.writing() as connection:
            # Messages are locked before their files, as where they are deleted.
            before = file_pictures.message_of(connection, due.id)
            if before is not None:
                messages.touch_messages(connection, [before])
            message_id = file_pictures.set_picture(connection, due.id, picture)
            if message_id != before and message_id is not None:
                messages.touch_messages(connection, [message_id])  # It was posted just now.
            shown = [] if message_id is None else [message_id]
            told = [message for _, message in messages.load_messages(connection, shown)]
            run = events.record(connection, "message.updated", *told)
        events.publish(run)

"""A subscription: one client's position in the stream, whatever its transport.

A client that comes back with its last position gets what it missed, from the hub's memory or the
log (`hub.py`), or `resync` if that is too old.
"""

import logging
from enum import Enum
from typing import Protocol

import gevent
from gevent.hub import Waiter
from sqlalchemy.exc import SQLAlchemyError

from ngw2f.live.access import Access
from ngw2f.live.choice import EVERYTHING
from ngw2f.live.entry import Entry, EntryId, Form
from ngw2f.live.feed import Feed, Writer
from ngw2f.store.database import DatabaseBusyError

# An id that nothing continues: whoever has it gets `resync`.
TOO_OLD = EntryId(0, -1)

log = logging.getLogger(__name__)


class Ending(Enum):
    """Why a subscription ends."""

    # The worker stops, and another one takes over.
    DRAINED = "drained"
    # The token with which it was opened is no longer valid.
    REVOKED = "revoked"
    # The client has gone.
    CLOSED = "closed"


class Source(Protocol):
    """What a subscription reads from: the hub."""

    access: Access
    # How many entries were delivered to clients.
    delivered: int
    clock: float

    @property
    def position(self) -> EntryId: ...

    def entries_after(self, cursor: EntryId) -> list[Entry] | None: ...

    def is_stored(self, cursor: EntryId) -> bool: ...

    def forget(self, subscription: "Subscription") -> None: ...


class Subscription:
    """One client: either behind, at `cursor`, or live, at a position in its feed.

    It gets every event that it may see, once and in order, however far behind it was.
    """

    __slots__ = (
        "_chunks",
        "_has_said_farewell",
        "_hub",
        "_position",
        "_waits",
        "busy_since",
        "cursor",
        "digest",
        "ending",
        "feed",
        "form",
        "greenlet",
        "is_due",
        "number",
        "user_id",
        "waiter",
        "writer",
    )

    def __init__(
        self,
        hub: Source,
        number: int,
        form: Form,
        feed: Feed,
        user_id: int | None,
        digest: bytes | None,
    ) -> None:
        self._hub = hub
        # Counted by the hub; spreads the heartbeats.
        self.number = number
        self.form = form
        self.feed = feed
        self.user_id = user_id
        # The digest of the token by which it is signed in; None: it is not.
        self.digest = digest
        # While it is behind: the newest entry that it has.
        self.cursor: EntryId | None = None
        self.ending: Ending | None = None
        # What is switched to when there may be something to read.
        self.waiter = Waiter()
        # A heartbeat is due.
        self.is_due = False
        # Since when it has been writing; 0: it waits for events.
        self.busy_since = 0.0
        self.greenlet: object = None
        # Writes past the greenlet, where the transport can; the greenlet writes all else.
        self.writer: Writer | None = None
        # The greenlet waits in next_chunk, so nothing of it is being written.
        self._waits = False
        self._has_said_farewell = False
        self._position = feed.end
        # What the transport itself sends, before the events.
        self._chunks: list[bytes] = []

    @property
    def rooms(self) -> frozenset[int]:
        return self.feed.rooms

    @property
    def last_id(self) -> EntryId:
        """Return the id after which the client has to continue."""
        if self.cursor is not None:
            return self.cursor
        if self._position == self.feed.end:
            # Whatever came since is not for this client.
            return self._hub.position
        if self._position < self.feed.start:
            # The feed has dropped what comes next, and with it the id before that.
            return TOO_OLD
        return self.feed.id_before(self._position)

    @property
    def unsaid(self) -> tuple[int, int]:
        """Return how many chunks of the transport itself wait for the client, and their size."""
        return len(self._chunks), sum(map(len, self._chunks))

    @property
    def is_over(self) -> bool:
        return self.ending is not None

    @property
    def is_drained(self) -> bool:
        return self.ending is Ending.DRAINED

    def say(self, chunk: bytes) -> None:
        """Send bytes of the transport itself before the next events."""
        if chunk:
            self._chunks.append(chunk)
            self.wake()

    def take_said(self) -> bytes:
        """Return, and forget, the bytes given to `say` that are not sent yet."""
        said, self._chunks = b"".join(self._chunks), []
        return said

    def resume(self, after: str) -> None:
        """Continue after an id that the client names; an unknown one counts as too old."""
        self.cursor = EntryId.parse(after) or TOO_OLD
        self.wake()

    @property
    def may_query(self) -> bool:
        """Return whether the next bytes may come from the database, so that reading them waits."""
        return self.cursor is not None

    def next_chunk(self) -> bytes | None:
        """Wait for the next bytes and return them, or None when it has ended.

        Empty bytes: there is a rest to write, which the writer could not write without waiting.
        """
        self.greenlet = gevent.getcurrent()
        while True:
            if self.writer is not None and self.writer.rest is not None and self.ending is None:
                self.busy_since = self._hub.clock
                return b""
            chunk = self.poll()
            if chunk != b"":
                return chunk
            self._waits = True
            try:
                self.waiter.get()
            finally:
                self._waits = False
            self.waiter.clear()

    def poll(self) -> bytes | None:
        """Return the next bytes, b"" if there are none yet, or None when it has ended.

        After b"" the waiter is switched to as soon as there may be more.
        """
        self.busy_since = 0.0
        while self.ending is None:
            chunk = self._take_or_end()
            if chunk:
                self.busy_since = self._hub.clock
                return chunk
            if self.is_due:
                self.is_due = False
                if self.form.heartbeat:
                    return self._heartbeat()
            elif self.ending is None:
                self.feed.waiting.add(self)
                return b""
        if self.ending is Ending.DRAINED and not self._has_said_farewell:
            self._has_said_farewell = True
            return self.form.farewell() or None
        return None

    def write_news(self) -> bool:
        """Write what has come to the feed, if that needs no greenlet; return whether it is done."""
        writer, feed = self.writer, self.feed
        is_live = self._waits and self.cursor is None and self.ending is None
        if writer is None or not is_live or self._chunks or self.is_due:
            return False
        if self._position != feed.end:
            try:
                frame, size, position = feed.take_framed(self._position, writer.frame)
            except LookupError:
                return False
            # Events that a form leaves out have no bytes; an empty chunk would end the body.
            if frame and not writer.write(frame, size):
                return False
            self._hub.delivered += position - self._position
            self._position = position
            if writer.rest is not None or position != feed.end:
                return False
        feed.waiting.add(self)
        return True

    def ready_chunk(self) -> bytes:
        """Return the bytes that are there, without waiting."""
        return b"" if self.is_over else self._take_or_end()

    def stop(self) -> None:
        """End it as if the client had closed it."""
        self.end(Ending.CLOSED)

    def end(self, ending: Ending) -> None:
        """End the subscription; its own greenlet closes the connection."""
        if self.ending is None:
            self.ending = ending
            self.wake()

    def remind(self) -> None:
        """Send a heartbeat, if there is nothing else to send."""
        self.is_due = True
        self.wake()

    def wake(self) -> None:
        gevent.get_hub().loop.run_callback(self.waiter.switch, None)

    def close(self) -> None:
        """Leave the hub, when the connection is over."""
        self.ending = self.ending or Ending.CLOSED
        self._hub.forget(self)

    def move(self, feed: Feed) -> None:
        """Switch to a feed with other rooms, at the same position in the stream."""
        self.step_back()
        self.feed.waiting.discard(self)
        self.feed = feed

    def step_back(self) -> None:
        """Read on from the stream itself: what comes next is not in the feed, or not only."""
        self.cursor = self.last_id
        self.wake()

    def _heartbeat(self) -> bytes:
        if self.feed.choice == EVERYTHING:
            return self.form.heartbeat
        # What is passed over moves the client forward, too.
        return self.form.checkpoint(self.last_id)

    def _take_or_end(self) -> bytes:
        """Return what there is; disconnect the client if the database fails, to come back later."""
        try:
            return self._take()
        except (SQLAlchemyError, DatabaseBusyError) as error:
            log.error(
                "disconnecting a client, so that it reconnects: %s", str(error).splitlines()[0]
            )
            self.end(Ending.DRAINED)
            return b""

    def _take(self) -> bytes:
        if self._chunks:
            return self._chunks.pop(0)
        while self.cursor is not None:
            if self._is_ahead(self.cursor):
                return b""
            chunk = self._take_missed(self.cursor)
            if chunk:
                return chunk
        if self._position == self.feed.end:
            return b""
        try:
            chunk, position = self.feed.take(self._position)
        except LookupError:
            return self._resync()
        self._hub.delivered += position - self._position
        self._position = position
        return chunk

    def _is_ahead(self, cursor: EntryId) -> bool:
        """Return whether the client is ahead of us: another process has served it further."""
        return cursor > self._hub.position and self._hub.is_stored(cursor)

    def _take_missed(self, cursor: EntryId) -> bytes:
        """Return a page of the events after *cursor*; go live if there are no more."""
        page = self._hub.entries_after(cursor)
        if page is None:
            return self._resync()
        if self.cursor is not cursor:
            return b""  # It was moved while the page was read.
        self.cursor = page[-1].id if page else self._hub.position
        if self.cursor == self._hub.position:
            self._go_live()
        return self._join(page)

    def _join(self, page: list[Entry]) -> bytes:
        feed, access = self.feed, self._hub.access
        user_id = self.user_id
        frames = [
            entry.frame(feed.form) for entry in page if feed.includes_for(user_id, entry, access)
        ]
        self._hub.delivered += len(frames)
        return b"".join(frames)

    def _resync(self) -> bytes:
        self._go_live()
        return self.form.resync(self._hub.position)

    def _go_live(self) -> None:
        self.cursor = None
        self._position = self.feed.end

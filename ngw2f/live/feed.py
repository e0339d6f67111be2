"""A feed: the frames for all who chose the same events, may see the same, and use one form.

All its subscribers share this buffer. A subscriber has only a position in it, so a thousand
subscribers at the same position get the same bytes object, joined once. A slow reader costs no
more than a fast one; if the feed drops frames that it has not read, it gets `resync`. What a
client gets that comes back is decided in `subscription.py`.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import gevent
from gevent.hub import Waiter

from ngw2f.live.access import Access
from ngw2f.live.choice import EVERYTHING, Choice
from ngw2f.live.entry import Entry, EntryId, Form

# The greatest size of the buffer, in bytes of memory.
MAX_BYTES = 1024 * 1024
# About what Python needs for a frame and its id, besides the frame's bytes.
ENTRY_BYTES = 200
# The greatest size of one write: more would only be copied to wait in the socket.
MAX_CHUNK_BYTES = 128 * 1024
# How many clients are written to, or woken, before the event loop looks whether others are due.
BATCH = 32
# How many joined chunks are kept. Slow readers rarely share a position.
MAX_JOINED = 8


class Writer(Protocol):
    """Writes to a client without waiting; all writers of a feed frame alike."""

    @property
    def rest(self) -> object:
        """What has yet to be written, by somebody who can wait; None: nothing."""

    @property
    def size(self) -> int:
        """How many bytes of content it has written."""

    def frame(self, content: bytes) -> bytes: ...

    def write(self, frame: bytes, size: int) -> bool:
        """Return False if nothing was written; *size* is that of the content."""
        ...


class Waiting(Protocol):
    """What waits for a feed: a subscription."""

    waiter: Waiter

    def write_news(self) -> bool: ...


class Feed:
    """Frames by position; positions only grow."""

    def __init__(
        self,
        form: Form,
        rooms: frozenset[int],
        newest: EntryId,
        max_bytes: int = MAX_BYTES,
        choice: Choice = EVERYTHING,
    ) -> None:
        self.form = form
        # The private rooms that it includes.
        self.rooms = rooms
        self.choice = choice
        self.subscribers = 0
        self.waiting: set[Waiting] = set()
        self.start = self.end = 0
        self._max_bytes = max_bytes
        self._bytes = 0
        self._frames: list[bytes] = []
        # The id of the entry before each position.
        self._ids = [newest]
        self._joined: dict[int, tuple[bytes, int]] = {}
        self._framed: dict[int, tuple[bytes, int, int]] = {}

    def includes(self, entry: Entry, access: Access) -> bool:
        """Return whether all subscribers get the entry."""
        return self.choice.includes(entry) and access.may_see(self.rooms, entry)

    def includes_for(self, user_id: int | None, entry: Entry, access: Access) -> bool:
        """Return whether a subscriber gets the entry, which may be for this user alone."""
        return self.choice.includes(entry) and access.may_user_see(user_id, self.rooms, entry)

    def add(self, entry: Entry) -> None:
        frame = entry.frame(self.form)
        self._frames.append(frame)
        self._ids.append(entry.id)
        self._bytes += len(frame) + ENTRY_BYTES
        self.end += 1
        self._forget_joined()
        if self._bytes > self._max_bytes:
            self._shrink()
        if self.waiting:
            self.wake()

    def take(self, position: int) -> tuple[bytes, int]:
        """Return the frames from *position* on, and the position after them.

        *position* is before the end. Raises LookupError if frames have been dropped.
        """
        taken = self._joined.get(position)
        if taken is None:
            if position < self.start:
                raise LookupError(position)
            if len(self._joined) >= MAX_JOINED:
                self._joined.clear()
            taken = self._joined[position] = self._join(position)
        return taken

    def id_before(self, position: int) -> EntryId:
        """Return the id of the last entry that a subscriber at *position* has read.

        The feed has not dropped what follows it.
        """
        return self._ids[position - self.start]

    def take_framed(self, position: int, frame: Callable[[bytes], bytes]) -> tuple[bytes, int, int]:
        """Return the next frames, wrapped by *frame*; their size before that; the new position."""
        taken = self._framed.get(position)
        if taken is None:
            if len(self._framed) >= MAX_JOINED:
                self._framed.clear()
            content, after = self.take(position)
            framed = frame(content) if content else b""
            taken = self._framed[position] = (framed, len(content), after)
        return taken

    def wake(self) -> None:
        """Write to all that wait, or wake them, between other work of the event loop."""
        waiting = list(self.waiting)
        self.waiting.clear()
        run_callback = gevent.get_hub().loop.run_callback
        for start in range(0, len(waiting), BATCH):
            run_callback(self._serve, waiting[start : start + BATCH])
        # After the last batch, and after the greenlets that it wakes.
        run_callback(run_callback, self._forget_joined)

    def _forget_joined(self) -> None:
        """Drop what was joined for those who waited: many feeds may each have few readers."""
        self._joined.clear()
        self._framed.clear()

    def _serve(self, waiting: Sequence[Waiting]) -> None:
        run_callback = gevent.get_hub().loop.run_callback
        for subscriber in waiting:
            if not subscriber.write_news():
                run_callback(subscriber.waiter.switch, None)

    def _join(self, position: int) -> tuple[bytes, int]:
        first = position - self.start
        last, size = first, 0
        for frame in self._frames[first:]:
            if size and size + len(frame) > MAX_CHUNK_BYTES:
                break
            size += len(frame)
            last += 1
        return b"".join(self._frames[first:last]), self.start + last

    def _shrink(self) -> None:
        count = 0
        while self._bytes > self._max_bytes * 3 // 4 and count < len(self._frames) - 1:
            self._bytes -= len(self._frames[count]) + ENTRY_BYTES
            count += 1
        del self._frames[:count], self._ids[:count]
        self.start += count

"""A feed: the frames that readers of the same rooms get in the same form.

It is the buffer of all its subscribers at once. A subscriber has a position in it
and no bytes of its own, so a thousand of them that are equally far get the same
bytes object, joined once, and one that reads slowly costs what one that reads
quickly does: nothing, until the feed has dropped what it did not take in time.
"""

from typing import Protocol

import gevent
from gevent.hub import Waiter

from ngw2f.live.entry import Entry, EntryId, Form

# So many bytes of memory wait for the slowest subscriber.
MAX_BYTES = 1024 * 1024
# What Python takes for an entry's frame and its id besides the frame's bytes, about.
ENTRY_BYTES = 200
# So many are handed to one write: more would be copied only to wait in the socket.
MAX_CHUNK_BYTES = 128 * 1024
# So many chunks are kept for those who are equally far; who reads slowly is so by themselves.
MAX_JOINED = 8


class Waiting(Protocol):
    """Who waits for a feed."""

    waiter: Waiter


class Feed:
    """Frames by position; positions only grow."""

    def __init__(
        self, form: Form, rooms: frozenset[int], newest: EntryId, max_bytes: int = MAX_BYTES
    ) -> None:
        self.form = form
        # The private rooms among those that it tells of.
        self.rooms = rooms
        self.subscribers = 0
        self.waiting: set[Waiting] = set()
        self.start = self.end = 0
        self._max_bytes = max_bytes
        self._bytes = 0
        self._frames: list[bytes] = []
        # The id at each position, after that of what came before the first one.
        self._ids = [newest]
        self._joined: dict[int, tuple[bytes, int]] = {}

    def add(self, entry: Entry) -> None:
        frame = entry.frame(self.form)
        self._frames.append(frame)
        self._ids.append(entry.id)
        self._bytes += len(frame) + ENTRY_BYTES
        self.end += 1
        self._joined.clear()
        if self._bytes > self._max_bytes:
            self._shrink()
        if self.waiting:
            self.wake()

    def take(self, position: int) -> tuple[bytes, int]:
        """Return what follows *position*, which is before the end, and the position after it.

        Raises LookupError if that has been dropped.
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
        """Return the id of the newest entry that a subscriber at *position* has."""
        return self._ids[max(position - self.start, 0)]

    def wake(self) -> None:
        """Have all who wait go on, one after the other, between other work of the loop."""
        waiting, self.waiting = self.waiting, set()
        run_callback = gevent.get_hub().loop.run_callback
        for subscriber in waiting:
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

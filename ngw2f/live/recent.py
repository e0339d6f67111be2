"""The newest entries of the stream, in memory, for clients that reconnect.

`hub.py` reads what is older from the database.
"""

from bisect import bisect_right

from ngw2f.live.entry import Entry, EntryId

MAX_ENTRIES = 4_096
# Of the events' data. Each form in which one was read is kept as well: eight, and three for pages.
MAX_BYTES = 4 * 1024 * 1024


class RecentEvents:
    """All entries after `floor`, oldest first, as many as the two limits allow."""

    def __init__(
        self, floor: EntryId, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES
    ) -> None:
        self.floor = floor
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._entries: list[Entry] = []
        self._ids: list[EntryId] = []
        self._bytes = 0

    @property
    def newest(self) -> EntryId:
        return self._ids[-1] if self._ids else self.floor

    def add(self, entry: Entry) -> None:
        self._entries.append(entry)
        self._ids.append(entry.id)
        self._bytes += len(entry.data)
        if len(self._entries) > self._max_entries or self._bytes > self._max_bytes:
            self._shrink()

    def after(self, cursor: EntryId, limit: int, max_bytes: int = MAX_BYTES) -> list[Entry]:
        """Return the next entries after *cursor*, which is not before `floor`.

        At most *limit*, and at most *max_bytes* together, but always one if there is one.
        """
        start = bisect_right(self._ids, cursor)
        page, size = self._entries[start : start + limit], 0
        for count, entry in enumerate(page):
            size += len(entry.data)
            if count and size > max_bytes:
                return page[:count]
        return page

    def _shrink(self) -> None:
        """Drop the oldest quarter at once: deleting from the front of a list is slow."""
        while len(self._entries) > 1 and (
            len(self._entries) > self._max_entries * 3 // 4
            or self._bytes > self._max_bytes * 3 // 4
        ):
            count = max(1, len(self._entries) // 8)
            self._bytes -= sum(len(entry.data) for entry in self._entries[:count])
            self.floor = self._ids[count - 1]
            del self._entries[:count], self._ids[:count]

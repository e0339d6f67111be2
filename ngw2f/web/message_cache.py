"""A cache of the JSON of messages by id and version, and of pages of them.

Clients ask for a page of the history far more often than a message changes, and most of its cost
is reading and encoding the same messages again. The JSON for an (id, version) never changes, so
it needs no invalidation; the database says every time which versions are on the page.

A page of which nothing is known is kept when it is asked for a second time: whoever reads through
a long history would replace all that others read again and again, and pay for it.
"""

from collections import OrderedDict
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from ngw2f.api_resources import Message
from ngw2f.http import etag_of
from ngw2f.store import messages
from ngw2f.store.message_pages import Found, Page, list_rows, list_versions
from ngw2f.store.message_parts import whole_messages
from ngw2f.store.prepared import Row
from ngw2f.store.users import UserRow

MAX_BYTES = 16 * 1024 * 1024
# A page is joined from fragments, so it is cheap to make again.
MAX_PAGES = 64
MAX_PAGE_BYTES = 8 * 1024 * 1024
# Ids of messages that were loaded once.
MAX_LOADED_ONCE = 20_000
MAX_UNKNOWN_ROOMS = 1_000

Versions = tuple[tuple[int, int], ...]


class PageContent(NamedTuple):
    """`{"messages": [...]}`, and its ETag."""

    content: bytes
    etag: str


class MessageCache:
    """Fragments of JSON, and pages, each up to a number of bytes; the oldest are dropped first."""

    def __init__(self, max_bytes: int = MAX_BYTES, max_page_bytes: int = MAX_PAGE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._max_page_bytes = max_page_bytes
        self._bytes = self._page_bytes = 0
        # A dict finds its oldest among the gaps of all that were dropped before it.
        self._fragments: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._pages: dict[Versions, PageContent] = {}
        # Ids. All are dropped when they are too many.
        self._loaded_once: set[int] = set()
        # Rooms of whose older pages the last one was unknown. Dropped as those.
        self._unknown_rooms: set[int] = set()
        self._encoder = msgspec.json.Encoder()

    def history(
        self, connection: Connection, room_id: int, reader: UserRow | None, page: Page
    ) -> tuple[PageContent, Found]:
        """Return a page of a room's messages, and what is on it.

        Where nothing was known of the last older page of the room, as in the long history of a
        large one, the messages are read at once, and not after their versions.
        """
        is_older = page.before is not None or page.after is not None
        if not is_older or room_id not in self._unknown_rooms:
            found = list_versions(connection, room_id, reader, page)
            if is_older:
                self._is_unknown(room_id, found.versions)
            return self.page(connection, found.versions), found
        rows, has_more = list_rows(connection, room_id, reader, page)
        found = Found(tuple((row[1], row[0]) for row in rows), has_more)
        is_unknown = self._is_unknown(room_id, found.versions)
        if is_unknown and self._is_first_time([row[1] for row in rows]):
            content = self._encoder.encode({"messages": whole_messages(connection, rows)})
            return PageContent(content, etag_of(content)), found
        return self.page(connection, found.versions, rows), found

    def _is_unknown(self, room_id: int, versions: Versions) -> bool:
        """Return whether nothing is known of a page, and note it for the next one of the room."""
        if versions in self._pages or not self._fragments.keys().isdisjoint(versions):
            self._unknown_rooms.discard(room_id)
            return False
        if len(self._unknown_rooms) > MAX_UNKNOWN_ROOMS:
            self._unknown_rooms.clear()
        self._unknown_rooms.add(room_id)
        return True

    def page(
        self, connection: Connection, versions: Versions, rows: list[Row] | None = None
    ) -> PageContent:
        """Return the page of those *versions* that still exist.

        *rows*: theirs, if they are read already.
        """
        page = self._pages.get(versions)
        if page is None:
            content = self._join(connection, versions, rows)
            page = PageContent(content, etag_of(content))
            self._keep_page(versions, page)
        return page

    def _keep_page(self, versions: Versions, page: PageContent) -> None:
        # While this request waited for its rows, another one may have made the same page.
        if before := self._pages.pop(versions, None):
            self._page_bytes -= len(before.content)
        self._pages[versions] = page
        self._page_bytes += len(page.content)
        while len(self._pages) > MAX_PAGES or self._page_bytes > self._max_page_bytes:
            oldest = next(iter(self._pages))
            self._page_bytes -= len(self._pages.pop(oldest).content)

    def _join(self, connection: Connection, versions: Versions, rows: list[Row] | None) -> bytes:
        known = self._fragments
        # What is known now may be dropped for what is loaded.
        found = {key[0]: known.get(key) for key in versions}
        if missing := [message_id for message_id, fragment in found.items() if fragment is None]:
            loaded = messages.load_messages(connection, missing, rows)
            if len(missing) == len(versions) and self._is_first_time(missing):
                return self._encoder.encode({"messages": [message for _, message in loaded]})
            found |= self._keep(loaded)
        return b'{"messages":[' + b",".join(filter(None, found.values())) + b"]}"

    def _is_first_time(self, message_ids: list[int]) -> bool:
        """Note that messages were loaded; return whether none of them had been."""
        if not self._loaded_once.isdisjoint(message_ids):
            return False
        if len(self._loaded_once) > MAX_LOADED_ONCE:
            self._loaded_once.clear()
        self._loaded_once.update(message_ids)
        return True

    def _keep(self, loaded: list[tuple[int, Message]]) -> dict[int, bytes]:
        """Return the fragments by id, which are kept."""
        fragments = {}
        for version, message in loaded:
            key = message.id, version
            fragments[message.id] = fragment = self._encoder.encode(message)
            self._bytes += len(fragment) - len(self._fragments.get(key, b""))
            self._fragments[key] = fragment
        while self._bytes > self._max_bytes:
            self._bytes -= len(self._fragments.popitem(last=False)[1])
        return fragments

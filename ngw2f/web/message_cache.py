"""A cache of the JSON of messages by id and version, and of pages of them.

Clients ask for a page of the history far more often than a message changes, and most of its cost
is reading and encoding the same messages again. The JSON for an (id, version) never changes, so
it needs no invalidation; the database says every time which versions are on the page.
"""

from collections import OrderedDict
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from ngw2f.http import etag_of
from ngw2f.store import messages

MAX_BYTES = 16 * 1024 * 1024
# A page is joined from fragments, so it is cheap to make again.
MAX_PAGES = 64
MAX_PAGE_BYTES = 8 * 1024 * 1024

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
        self._encoder = msgspec.json.Encoder()

    def page(self, connection: Connection, versions: Versions) -> PageContent:
        """Return the page of those *versions* that still exist."""
        page = self._pages.get(versions)
        if page is None:
            content = self._join(connection, versions)
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

    def _join(self, connection: Connection, versions: Versions) -> bytes:
        known = self._fragments
        # What is known now may be dropped for what is loaded.
        found = {key[0]: known.get(key) for key in versions}
        if missing := [message_id for message_id, fragment in found.items() if fragment is None]:
            found |= self._load(connection, missing)
        return b'{"messages":[' + b",".join(filter(None, found.values())) + b"]}"

    def _load(self, connection: Connection, message_ids: list[int]) -> dict[int, bytes]:
        loaded = {}
        kept, encode = self._fragments, self._encoder.encode
        for version, message in messages.load_messages(connection, message_ids):
            key = message.id, version
            loaded[message.id] = fragment = encode(message)
            self._bytes += len(fragment) - len(kept.get(key, b""))
            kept[key] = fragment
        self._drop_oldest()
        return loaded

    def _drop_oldest(self) -> None:
        while self._bytes > self._max_bytes:
            self._bytes -= len(self._fragments.popitem(last=False)[1])

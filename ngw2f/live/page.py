"""The events for an open page: with HTML to show in place of the data that it is made of.

The shape belongs to the page and changes with it; it is not for programs. It is made once for each
language in which somebody listens, when it is first asked for.
"""

from collections.abc import Callable

from ngw2f.live.entry import Entry, Form
from ngw2f.live.formats import JSONLines, ServerSentEvents, object_of

# Returns the data of an event for a page.
Show = Callable[[Entry], bytes]


class PageData(Form):
    """The data in both forms for pages, so that an event is rendered once for each language."""

    def __init__(self, show: Show, language: str) -> None:
        self.name = f"page data {language}"
        self.language = language
        self._show = show

    def frame(self, entry: Entry) -> bytes:
        return self._show(entry)


class PageEvents(ServerSentEvents):
    counted_as = ServerSentEvents.name
    queries = True

    def __init__(self, data: PageData) -> None:
        self.name = f"page {data.language}"
        self._data = data

    def data_of(self, entry: Entry) -> bytes:
        return entry.frame(self._data)


class PageLines(JSONLines):
    """The lines of a long poll, without heartbeats between them."""

    counted_as = JSONLines.name
    queries = True
    heartbeat = b""

    def __init__(self, data: PageData) -> None:
        self.name = f"page lines {data.language}"
        self._data = data

    def frame(self, entry: Entry) -> bytes:
        return object_of(entry, entry.frame(self._data)) + b"\n"

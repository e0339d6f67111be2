"""The events for an open page: with HTML to show in place of the data that it is made of.

The shape belongs to the page and changes with it; it is not for programs.
"""

from collections.abc import Callable

from ngw2f.live.entry import Entry, Form
from ngw2f.live.formats import JSONLines, ServerSentEvents, object_of

# Returns the data of an event for a page.
Show = Callable[[Entry], bytes]


class PageData(Form):
    """The data in both forms for pages, so that an event is rendered once."""

    name = "page data"

    def __init__(self, show: Show) -> None:
        self._show = show

    def frame(self, entry: Entry) -> bytes:
        return self._show(entry)


class PageEvents(ServerSentEvents):
    name = "page"
    counted_as = ServerSentEvents.name
    queries = True

    def __init__(self, data: PageData) -> None:
        self._data = data

    def data_of(self, entry: Entry) -> bytes:
        return entry.frame(self._data)


class PageLines(JSONLines):
    """The lines of a long poll, without heartbeats between them."""

    name = "page lines"
    counted_as = JSONLines.name
    queries = True
    heartbeat = b""

    def __init__(self, data: PageData) -> None:
        self._data = data

    def frame(self, entry: Entry) -> bytes:
        return object_of(entry, entry.frame(self._data)) + b"\n"

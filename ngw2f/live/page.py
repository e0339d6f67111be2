"""The events as an open page takes them: with HTML to show instead of what it would be made of.

The shape belongs to the page and changes with it. Programs read the others.
"""

from collections.abc import Callable

from ngw2f.live.entry import Entry, Form
from ngw2f.live.formats import JSONLines, ServerSentEvents, object_of

# Returns an event's data as the page takes it.
Show = Callable[[Entry], bytes]


class PageData(Form):
    """What both forms for pages are made of, so that an event is rendered once."""

    name = "page data"

    def __init__(self, show: Show) -> None:
        self._show = show

    def frame(self, entry: Entry) -> bytes:
        return self._show(entry)


class PageEvents(ServerSentEvents):
    name = "page"
    counted_as = ServerSentEvents.name

    def __init__(self, data: PageData) -> None:
        self._data = data

    def data_of(self, entry: Entry) -> bytes:
        return entry.frame(self._data)


class PageLines(JSONLines):
    """For long polling: no heartbeats between the lines."""

    name = "page lines"
    counted_as = JSONLines.name
    heartbeat = b""

    def __init__(self, data: PageData) -> None:
        self._data = data

    def frame(self, entry: Entry) -> bytes:
        return object_of(entry, entry.frame(self._data)) + b"\n"

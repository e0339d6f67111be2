import json

import pytest

from ngw2f.live.entry import RESYNC, Entry, EntryId
from ngw2f.live.page import PageData, PageEvents, PageLines


class Shown:
    """Stands in for what makes HTML, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, entry: Entry) -> bytes:
        self.asked += 1
        return b'{"fragment":"<li>"}'


@pytest.fixture
def shown() -> Shown:
    return Shown()


@pytest.fixture
def entry() -> Entry:
    return Entry(EntryId(7, 1), "message.created", b'{"id":3}', 1)


def test_both_forms_have_the_markup(shown: Shown, entry: Entry) -> None:
    data = PageData(shown, "en")
    event = PageEvents(data).frame(entry)
    assert event == b'id: 7-1\nevent: message.created\ndata: {"fragment":"<li>"}\n\n'
    line = PageLines(data).frame(entry)
    assert line.endswith(b"}\n")
    assert json.loads(line) == {
        "id": "7-1", "event": "message.created", "data": {"fragment": "<li>"},
    }  # fmt: skip


def test_event_is_rendered_once(shown: Shown, entry: Entry) -> None:
    for _ in range(2):
        data = PageData(shown, "en")
        entry.frame(PageEvents(data))
        entry.frame(PageLines(data))
    assert shown.asked == 1


def test_both_are_framed_before_anybody_sees_the_event() -> None:
    """They look up nicknames."""
    assert PageEvents.queries
    assert PageLines.queries


def test_resync_is_an_event(shown: Shown) -> None:
    missing = Entry(EntryId(9), RESYNC, b"{}", None)
    line = json.loads(missing.frame(PageLines(PageData(shown, "en"))))
    assert (line["id"], line["event"]) == ("9-0", "resync")

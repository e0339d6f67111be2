"""A page that was away for longer than the server remembers events."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.test_room import RETURN_MS, say, sync_api
from tests.live.server import ChatServer
from tests.live.streams import sse

# More than a page of the history has.
MISSED = 70


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    server = ChatServer(tmp_path_factory.mktemp("chat"), NGW2F_STREAM_LENGTH="20")
    server.start()
    yield server
    server.stop()


def test_nothing_is_missing(chat: ChatServer, open_room: Any) -> None:
    page = open_room("ann")
    say(page, "before")
    page.wait_for_selector(".message:has-text('before')")
    # One's own message is shown before it is sent; a stream that begins later outlives the kill.
    page.wait_for_selector("#connection[data-state=live]", state="attached")
    page.route("**/*events?*", lambda route: route.abort())
    with page.expect_request("**/*events?*", timeout=RETURN_MS):
        chat.kill_worker()
    chat.wait_until_up()
    token = chat.register("bob")
    chat.call("POST", "/api/rooms", token, json={"name": "new"})
    for number in range(MISSED):
        chat.call("POST", "/api/messages", token, json={"source": f"missed {number}."})
    # The next one has no more than the newest events at hand.
    chat.kill_worker()
    chat.wait_until_up()
    page.unroute("**/*events?*")
    # As long as he listens he is online.
    with sse(chat, token):
        # One that is rendered only now may be told of before the others have been read.
        shown = page.locator(".message:has-text('missed') .text")
        missed = [f"missed {number}." for number in range(MISSED)]
        sync_api.expect(shown).to_have_text(missed, timeout=RETURN_MS)
        page.wait_for_selector(".rooms a:has-text('new')")
        page.wait_for_selector("#people li:text('bob')", state="attached")

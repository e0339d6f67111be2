"""Many tabs of one browser, over HTTP/1.1: one stream for all of them."""

from typing import Any

import pytest

from tests.browser.test_room import say
from tests.chromium import WAIT_MS, wait_for_held
from tests.live.server import ChatServer
from tests.waiting import wait_until

# Two more than the connections that a browser opens to one host.
TABS = 8


@pytest.fixture
def tabs(chat: ChatServer, open_room: Any) -> list[Any]:
    first = open_room("ann")
    pages = [first]
    for _ in range(TABS - 1):
        page = first.context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.goto(chat.url + "/")
        page.wait_for_selector("#connection[data-state=live]", state="attached")
        pages.append(page)
    return pages


def test_all_tabs_are_live_over_one_stream(chat: ChatServer, tabs: list[Any]) -> None:
    say(tabs[-1], "from the last tab")
    for page in tabs:
        page.wait_for_selector(".message:has-text('from the last tab')")
        assert page.locator(".message:has-text('from the last tab')").count() == 1
    # One that a tab has just closed is known to be gone by the next heartbeat.
    wait_until(lambda: _streams(chat) == 1)


def test_another_tab_listens_when_the_first_is_closed(chat: ChatServer, tabs: list[Any]) -> None:
    token = chat.register("tim")
    for number, page in enumerate(tabs[:3]):
        page.close()
        chat.call("POST", "/api/messages", token, json={"source": f"after {number} is closed"})
    shown = [f"after {number} is closed" for number in range(3)]
    for page in tabs[3:]:
        page.wait_for_selector(".message:has-text('after 2 is closed')")
        texts = page.locator(".message:has-text('is closed') .text").all_inner_texts()
        assert texts == shown


def test_tab_that_joins_late_hears_what_it_missed(chat: ChatServer, open_room: Any) -> None:
    first = open_room("ann")
    first.wait_for_selector("#connection[data-state=live]", state="attached")
    late = first.context.new_page()
    late.set_default_timeout(WAIT_MS)
    held: list[Any] = []
    late.route("**/stream.js*", lambda route: held.append(route))
    late.goto(chat.url + "/", wait_until="commit")
    late.wait_for_selector(".composer")
    say(first, "between page and stream")
    first.wait_for_selector(".message:has-text('between page and stream')")
    wait_for_held(late, held)
    held.pop().continue_()
    late.wait_for_selector(".message:has-text('between page and stream')")


def test_tab_takes_over_from_one_that_sleeps(chat: ChatServer, open_room: Any) -> None:
    first = open_room("ann")
    first.wait_for_selector("#connection[data-state=live]", state="attached")
    session = first.context.new_cdp_session(first)
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    second = first.context.new_page()
    second.set_default_timeout(WAIT_MS)
    second.goto(chat.url + "/")
    second.wait_for_selector("#connection[data-state=live]", state="attached")
    token = chat.register("tab keeper")
    chat.call("POST", "/api/messages", token, json={"source": "while the first sleeps"})
    second.wait_for_selector(".message:has-text('while the first sleeps')")
    session.send("Page.setWebLifecycleState", {"state": "active"})
    first.wait_for_selector(".message:has-text('while the first sleeps')")


def _streams(chat: ChatServer) -> int:
    lines = chat.call("GET", "/metrics").text.splitlines()
    return round(sum(float(line.split()[-1]) for line in lines if line.startswith("ngw2f_streams")))

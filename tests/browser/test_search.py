"""Search in a browser: by the keyboard alone, and by the mouse."""

from typing import Any

import pytest

from tests.browser.test_room import say
from tests.chromium import WAIT_MS
from tests.live.server import ChatServer
from tests.waiting import wait_until

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

PHONE = {"width": 390, "height": 844}
FOCUSED = "() => document.activeElement.id"


@pytest.fixture
def told(chat: ChatServer, request: pytest.FixtureRequest) -> str:
    """Let somebody tell more than a page has, of a word of the test's own; return the word."""
    word = str(request.node.name).replace("_", "")
    token = chat.register(word)
    for number in range(60):
        source = f"**{word}** of old" if number == 0 else f"filler {number}"
        chat.call("POST", "/api/messages", token, json={"source": source}).raise_for_status()

    def is_found() -> bool:
        return bool(chat.call("GET", f"/api/search?q={word}").json()["messages"])

    wait_until(is_found)
    return word


def test_search_by_keyboard(told: str, open_room: Any) -> None:
    page = open_room("ann")
    page.focus("#pane")
    page.keyboard.press("/")
    assert page.evaluate(FOCUSED) == "find"
    page.keyboard.press("Escape")
    assert page.evaluate(FOCUSED) == "write"
    page.focus("#pane")
    page.keyboard.press("/")
    page.keyboard.type(told.upper())
    page.keyboard.press("Enter")
    hit = page.locator(".hits .message")
    sync_api.expect(hit.locator("mark")).to_have_text(told)
    # The tab key goes from the button to what was found, past what the script takes out.
    page.wait_for_selector("html.scripted")
    page.focus(".asking button")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.className") == "place"
    page.keyboard.press("Enter")
    target = page.locator(".message:target")
    sync_api.expect(target).to_contain_text(f"{told} of old")
    sync_api.expect(target).to_be_in_viewport()
    page.go_back()
    page.wait_for_selector("html.scripted")
    page.evaluate("() => document.activeElement.blur()")
    page.keyboard.press("/")
    assert page.evaluate(FOCUSED) == "find"


def test_slash_leads_to_the_search_on_every_page(chat: ChatServer, open_room: Any) -> None:
    page = open_room("ann")
    for path in ("/account", "/stats"):
        page.goto(chat.url + path)
        page.keyboard.press("/")
        assert page.evaluate(FOCUSED) == "find"
        page.keyboard.press("Escape")
        assert page.evaluate(FOCUSED) == ""


def test_search_by_mouse(told: str, open_room: Any) -> None:
    page = open_room("ann")
    page.click("#find")
    page.keyboard.type(f"{told} -filler in:lobby")
    page.keyboard.press("Enter")
    page.click(".hits .message .place")
    sync_api.expect(page.locator(".message:target")).to_be_in_viewport()


def test_slash_is_a_character_where_one_writes(open_room: Any) -> None:
    page = open_room("ann")
    page.focus("#write")
    page.keyboard.type("a/b")
    assert page.input_value("#write") == "a/b"
    page.click("#find")
    page.keyboard.type("c/d")
    assert page.input_value("#find") == "c/d"


def test_search_on_a_phone(chat: ChatServer, open_room: Any) -> None:
    page = open_room("ann")
    page.set_viewport_size(PHONE)
    assert not page.is_visible("#find")
    page.click(".find-link")
    page.wait_for_url("**/search", timeout=WAIT_MS)
    page.wait_for_function("() => document.activeElement.id === 'find'")
    page.goto(chat.url)
    page.wait_for_selector("html.scripted")
    page.focus("#pane")
    page.keyboard.press("/")
    page.wait_for_url("**/search", timeout=WAIT_MS)


def test_search_without_script(told: str, chat: ChatServer, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(chat.url)
    page.fill("#find", told)
    page.press("#find", "Enter")
    page.click(".hits .message .place")
    sync_api.expect(page.locator(".message:target")).to_contain_text(told)
    context.close()


def test_room_is_live_with_the_field(open_room: Any) -> None:
    ann, bob = open_room("ann"), open_room("bob")
    ann.focus("#find")
    say(bob, "still live")
    ann.wait_for_selector(".message:has-text('still live')")
    assert ann.evaluate(FOCUSED) == "find"

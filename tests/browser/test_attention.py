"""What one hears, where the focus is, and what is said of what is new or went wrong."""

from typing import Any

import pytest

from tests.browser.test_pane import fill
from tests.browser.test_room import say
from tests.live.server import ChatServer

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

FOCUSED = "() => document.activeElement.id"
# Notes what is added to any live region that holds messages.
LISTEN = """() => {
    window.heard = [];
    for (const region of document.querySelectorAll("[role=log], ol[aria-live]")) {
        new MutationObserver((changes) => {
            for (const { addedNodes } of changes) {
                for (const node of addedNodes) heard.push(node.textContent.trim());
            }
        }).observe(region, { childList: true, subtree: true });
    }
}"""


def test_message_is_heard_once_with_its_author(chat: ChatServer, open_room: Any) -> None:
    ann, bob = open_room("ann"), open_room("bob")
    ann.wait_for_selector("#connection[data-state=live]", state="attached")
    ann.evaluate(LISTEN)
    say(bob, "first **said**")
    say(bob, "then this")
    ann.wait_for_function("() => heard.some((text) => text.includes('then this'))")
    # Nothing more comes of them: both are rendered.
    ann.wait_for_selector(".message:not([aria-busy]) strong:text('said')")
    assert ann.evaluate("() => heard") == ["bob: first said", "bob: then this"]


def test_skip_link_leads_to_the_message_field(open_room: Any) -> None:
    page = open_room("ann")
    page.focus(".brand")
    page.keyboard.press("Shift+Tab")
    sync_api.expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate(FOCUSED) == "write"


def test_messages_are_one_stop_of_the_tab_key(chat: ChatServer, open_room: Any) -> None:
    page = open_room("ann")
    # What others say elsewhere has links, which are stops.
    room = chat.call("POST", "/api/rooms", chat.token_of("tab"), json={"name": "stops"}).json()
    page.goto(chat.url + room["_links"]["page"])
    page.wait_for_selector("#connection[data-state=live]", state="attached")
    for number in range(3):
        say(page, f"stop {number}")
        page.wait_for_selector(f".message:has-text('stop {number}') .actions", state="attached")
    page.mouse.move(0, 0)
    page.focus("#pane")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.message')") is None
    page.focus("#pane")
    page.evaluate("document.getElementById('pane').scrollTop = 0")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    focused = page.locator(".message:focus")
    sync_api.expect(focused).to_contain_text("stop 1")
    page.keyboard.press("Tab")
    sync_api.expect(page.locator(".actions a:focus")).to_have_text("Reply")


def test_what_came_below_is_counted(chat: ChatServer, open_room: Any) -> None:
    token = fill(chat, "counter")
    page = open_room("ann")
    page.wait_for_selector("#connection[data-state=live]", state="attached")
    pill = page.locator("#below")
    page.evaluate("document.getElementById('pane').scrollTop = -2000")
    read = page.locator(".message:has-text('counter 5.')")
    place = read.bounding_box()
    for number in range(2):
        chat.call("POST", "/api/messages", token, json={"source": f"below {number}"})
    sync_api.expect(pill).to_have_text("2 new")
    assert read.bounding_box() == place
    pill.click()
    sync_api.expect(pill).to_be_hidden()
    sync_api.expect(page.locator(".message:has-text('below 1')")).to_be_in_viewport()


def test_failure_is_told_to_people(open_room: Any) -> None:
    page = open_room("ann")
    say(page, "stays")
    message = page.locator(".message:has-text('stays')").last
    message.locator(".actions").wait_for(state="attached")
    page.route("**/api/messages/*", lambda route: route.abort())
    message.hover()
    message.get_by_text("Delete", exact=True).click()
    problem = page.locator("#problem")
    sync_api.expect(problem).to_have_text("Not deleted: the chat did not answer.")
    page.context.clear_cookies()
    say(page, "without a session")
    sync_api.expect(problem).to_contain_text("Not sent: you are signed out.")


def test_failure_is_forgotten_when_it_is_over(open_room: Any) -> None:
    page = open_room("ann")
    page.wait_for_selector("#connection[data-state=live]", state="attached")
    page.context.set_offline(True)
    say(page, "too early")
    sync_api.expect(page.locator("#problem")).to_have_text("Not sent: you are offline.")
    page.context.set_offline(False)
    sync_api.expect(page.locator("#problem")).to_be_empty()
    sync_api.expect(page.locator("#messages .message:has-text('too early')")).to_have_count(1)


def test_draft_and_unread_rooms_outlive_a_reload(chat: ChatServer, open_room: Any) -> None:
    token = chat.register("newcomer")
    room = chat.call("POST", "/api/rooms", token, json={"name": "elsewhere"}).json()
    page = open_room("ann")
    page.fill("textarea", "half a thought")
    chat.call("POST", f"/api/rooms/{room['id']}/messages", token, json={"source": "psst"})
    unread = page.locator(".rooms a.unread:has-text('elsewhere')")
    unread.wait_for(state="attached")
    page.reload()
    unread.wait_for(state="attached")
    sync_api.expect(page.locator("textarea")).to_have_value("half a thought")
    unread.click()
    page.wait_for_url("**/rooms/elsewhere")
    page.wait_for_selector("#connection[data-state=live]", state="attached")
    assert page.input_value("textarea") == ""
    page.goto(chat.url + "/")
    page.wait_for_selector("#connection[data-state=live]", state="attached")
    # What was read there is told as one leaves, and may be heard here only now.
    sync_api.expect(unread).to_have_count(0)
    assert page.input_value("textarea") == "half a thought"
    say(page, "a whole one")
    page.wait_for_selector(".message:has-text('a whole one')")
    # Nor does it come back when the browser is killed, and nothing tells the page.
    page.wait_for_function("() => !Object.keys(localStorage).some((key) => key.includes('draft'))")
    page.reload()
    page.wait_for_selector("#connection[data-state=live]", state="attached")
    assert page.input_value("textarea") == ""

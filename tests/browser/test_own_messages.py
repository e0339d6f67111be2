"""One's own messages: edited where they stand, deleted, and brought back; by mouse and keyboard."""

from typing import Any

import pytest

from tests.browser.conftest import sign_in
from tests.browser.test_room import say
from tests.chromium import WAIT_MS, wait_for_held
from tests.live.server import ChatServer

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

PHONE = {"width": 390, "height": 844}


def said(page: Any, text: str) -> Any:
    """Say something, and return the message once it has its actions."""
    say(page, text)
    message = page.locator(f".message:has-text('{text}')")
    message.locator(".own").wait_for(state="attached")
    return message


def choose(message: Any, name: str) -> None:
    message.hover()
    message.locator(".actions").get_by_text(name, exact=True).click()


def press_delete(page: Any, message: Any) -> None:
    """Delete by the keyboard: its actions are there when a message has the focus."""
    message.evaluate("(item) => { item.tabIndex = -1; item.focus(); }")
    message.locator(".delete button").press("Enter")


def test_edited_where_it_stands(open_room: Any) -> None:
    page, other = open_room("ida"), open_room("ivo")
    message = said(page, "first words")
    number = message.get_attribute("id")
    page.fill("#write", "a draft")
    choose(message, "Edit")
    field = page.locator(".editing textarea")
    sync_api.expect(field).to_be_focused()
    sync_api.expect(field).to_have_value("first words")
    # Escape leaves the message as it is, and keeps what was written for the next time.
    field.fill("*second* words")
    field.press("Escape")
    sync_api.expect(message.locator(".text")).to_have_text("first words")
    sync_api.expect(page.locator(f"#{number}")).to_be_focused()
    choose(message, "Edit")
    sync_api.expect(field).to_have_value("*second* words")
    field.press("Enter")
    for each in (page, other):
        sync_api.expect(each.locator(f"#{number} em")).to_have_text("second")
        sync_api.expect(each.locator(f"#{number} .edited")).to_contain_text("edited")
    sync_api.expect(field).to_have_count(0)
    assert page.input_value("#write") == "a draft"


def test_edit_is_rendered_before_its_answer_is_here(open_room: Any) -> None:
    page = open_room("ida")
    message = said(page, "seen too early")
    number = message.get_attribute("id")
    held: list[Any] = []

    def hold(route: Any) -> None:
        if route.request.method == "PUT":
            held.append((route, route.fetch()))
        else:
            route.continue_()

    page.route(f"**/api/messages/{number.removeprefix('m')}", hold)
    choose(message, "Edit")
    page.locator(".editing textarea").fill("*rendered*")
    page.locator(".editing textarea").press("Enter")
    page.locator(f"#{number} .text em").wait_for(state="attached")
    wait_for_held(page, held)
    route, answer = held.pop()
    route.fulfill(response=answer)
    sync_api.expect(page.locator(".editing")).to_have_count(0)
    sync_api.expect(page.locator(f"#{number} .text em")).to_have_count(1)


def test_edit_survives_what_happens_to_the_message(open_room: Any) -> None:
    page = open_room("ida")
    message = said(page, "before it is told")
    choose(message, "Edit")
    page.locator(".editing textarea").fill("my edit")
    number = message.get_attribute("id")
    page.evaluate(
        """async (id) => fetch(`/api/messages/${id}`, {
            method: "PUT", headers: {"Content-Type": "application/json"},
            body: JSON.stringify({source: "**elsewhere**"}),
        })""",
        number.removeprefix("m"),
    )
    page.locator(f"#{number} strong").wait_for(state="attached")
    sync_api.expect(page.locator(".editing textarea")).to_have_value("my edit")
    page.locator(".editing .cancel").click()
    sync_api.expect(page.locator(f"#{number} .text")).to_have_text("elsewhere")


def test_undone_before_the_server_has_answered(open_room: Any) -> None:
    page = open_room("ida")
    message = said(page, "undone at once")
    held: list[Any] = []
    page.route(
        "**/api/messages/*",
        lambda route: held.append(route) if route.request.method == "DELETE" else route.continue_(),
    )
    choose(message, "Delete")
    page.locator(".gone button").click()
    sync_api.expect(message).to_have_count(0)
    wait_for_held(page, held)
    held.pop().continue_()
    sync_api.expect(message).to_have_count(1)


def test_undone_once_though_it_is_asked_for_twice(open_room: Any) -> None:
    page = open_room("ida")
    message = said(page, "undone twice")
    held: list[Any] = []
    asked: list[str] = []

    def note(request: Any) -> None:
        if request.url.endswith("/restore"):
            asked.append(request.method)

    page.route(
        "**/api/messages/*",
        lambda route: held.append(route) if route.request.method == "DELETE" else route.continue_(),
    )
    page.on("request", note)
    choose(message, "Delete")
    undo = page.locator(".gone button")
    undo.click()
    undo.click()
    wait_for_held(page, held)
    held.pop().continue_()
    sync_api.expect(message).to_have_count(1)
    sync_api.expect(page.locator("#problem")).to_have_text("")
    assert asked == ["POST"]


def test_arrow_up_edits_the_last_one(open_room: Any) -> None:
    page = open_room("ida")
    said(page, "with a tpyo")
    page.press("#write", "ArrowUp")
    field = page.locator(".editing textarea")
    sync_api.expect(field).to_have_value("with a tpyo")
    field.fill("with a typo")
    field.press("Enter")
    page.wait_for_selector(".message:has-text('with a typo') .edited")
    sync_api.expect(page.locator("#write")).to_be_focused()


def test_refused_edit_is_not_lost(open_room: Any) -> None:
    page = open_room("ida")
    message = said(page, "stays as it is")
    choose(message, "Edit")
    field = page.locator(".editing textarea")
    sync_api.expect(field).to_be_focused()
    page.route("**/api/messages/*", lambda route: route.abort())
    field.fill("never arrives")
    field.press("Enter")
    error = page.locator(".editing .error")
    sync_api.expect(error).to_have_text("Not saved: the chat did not answer.")
    assert field.input_value() == "never arrives"


@pytest.mark.parametrize("way", ["mouse", "keyboard"])
def test_deleted_and_brought_back(open_room: Any, way: str) -> None:
    page, other = open_room("ida"), open_room("ivo")
    message = said(page, f"soon gone by {way}")
    there = other.locator(f".message:has-text('soon gone by {way}')")
    there.wait_for()
    page.fill("#write", "a draft")
    if way == "mouse":
        choose(message, "Delete")
        undo = page.locator(".gone button")
        sync_api.expect(there).to_have_count(0)
        undo.click()
    else:
        press_delete(page, message)
        undo = page.locator(".gone button")
        sync_api.expect(undo).to_be_focused()
        sync_api.expect(there).to_have_count(0)
        page.keyboard.press("Enter")
        sync_api.expect(message).to_be_focused()
    sync_api.expect(there).to_have_count(1)
    sync_api.expect(message).to_have_count(1)
    sync_api.expect(page.locator(".gone")).to_have_count(0)
    assert page.input_value("#write") == "a draft"
    message.locator(".own").wait_for(state="attached")


def test_focus_goes_to_the_next_message_when_the_time_is_over(open_room: Any) -> None:
    page = open_room("ida")
    message, _ = said(page, "to be deleted"), said(page, "the one after")
    page.clock.install()
    press_delete(page, message)
    page.wait_for_function("() => document.querySelector('#log').innerText.includes('deleted')")
    # It has the focus, and so more time than otherwise.
    page.clock.fast_forward(10_500)
    sync_api.expect(page.locator(".gone button")).to_be_focused()
    page.clock.fast_forward(15_500)
    sync_api.expect(page.locator(".gone")).to_have_count(0)
    sync_api.expect(page.locator(".message:focus")).to_contain_text("the one after")


def test_deletion_that_fails_leaves_the_message(open_room: Any) -> None:
    page = open_room("ida")
    message = said(page, "hard to delete")
    page.route("**/api/messages/*", lambda route: route.abort())
    choose(message, "Delete")
    sync_api.expect(page.locator("#problem")).to_contain_text("Not deleted")
    sync_api.expect(message).to_have_count(1)
    sync_api.expect(page.locator(".gone")).to_have_count(0)


def test_actions_open_under_a_finger(chat: ChatServer, browser: Any) -> None:
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    context.add_cookies(sign_in(chat, "ida"))
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(chat.url + "/")
    message = said(page, "under a finger")
    sync_api.expect(message.locator(".actions")).to_be_hidden()
    more = message.locator(".more")
    box = more.bounding_box()
    assert min(box["width"], box["height"]) >= 44
    more.tap()
    heights = message.locator(".actions :is(a, button)").evaluate_all(
        "items => items.map((item) => item.getBoundingClientRect().height)"
    )
    assert len(heights) == 5
    assert min(heights) >= 44
    message.get_by_text("Delete", exact=True).tap()
    sync_api.expect(message).to_have_count(0)
    page.locator(".gone button").tap()
    sync_api.expect(message).to_have_count(1)
    # Where nothing hovers, the button that copies code is always there, beside the code.
    say(page, "```python\nunder_a = 'finger, too'\n```")
    shown = page.locator(".message:has-text('finger, too') .highlight[data-language]")
    shown.locator(".copy").wait_for()
    button, code = (shown.locator(each).bounding_box() for each in (".copy", "code"))
    assert button["height"] >= 44
    assert button["y"] + button["height"] <= code["y"]
    context.close()

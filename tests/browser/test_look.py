"""What stands where on a page: in a line with what is beside it, and as wide as what is above."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.conftest import sign_in
from tests.browser.test_pane import PHONE, fill
from tests.chromium import WAIT_MS
from tests.live.server import ChatServer

# Returns the edges of elements in pixels of the window: of their words, or of their box if they
# have none.
EDGES = """(selectors) => selectors.map((selector) => {
    const element = document.querySelector(selector);
    const range = document.createRange();
    range.selectNodeContents(element);
    const { top, left, right } = (element.textContent.trim() && !element.matches("textarea")
        ? range : element).getBoundingClientRect();
    return { top: Math.round(top), left: Math.round(left), right: Math.round(right) };
})"""


@pytest.fixture(scope="module")
def message_id(chat: ChatServer) -> int:
    fill(chat, "lucy", 2)
    messages = chat.call("GET", "/api/messages?limit=200").json()["messages"]
    return int(next(each["id"] for each in messages if each["source"] == "lucy 1."))


@pytest.fixture(scope="module")
def page(chat: ChatServer, browser: Any, message_id: int) -> Iterator[Any]:
    """Give a page of the author's, whose words are German: they are longer."""
    context = browser.new_context(service_workers="block", locale="de-DE")
    context.add_cookies(sign_in(chat, "lucy"))
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    yield page
    context.close()


def edges(page: Any, *selectors: str) -> list[dict[str, int]]:
    return page.evaluate(EDGES, list(selectors))  # type: ignore[no-any-return]  # Of JavaScript.


def test_words_beside_each_other_are_in_a_line(
    chat: ChatServer, page: Any, message_id: int
) -> None:
    page.goto(f"{chat.url}/messages/{message_id}/reply")
    about, mute, answered, cancel = edges(
        page, ".heading > a", ".heading button", "#replying > span", "#replying a"
    )
    assert (about["top"], answered["top"]) == (mute["top"], cancel["top"])


def test_page_to_edit_has_a_field_for_many_lines(
    chat: ChatServer, page: Any, message_id: int
) -> None:
    page.goto(f"{chat.url}/messages/{message_id}/edit")
    assert page.locator("textarea").bounding_box()["height"] >= 8 * 24
    page.set_viewport_size(PHONE)
    title, field = edges(page, "h1", "textarea")
    page.set_viewport_size({"width": 1280, "height": 720})
    assert title["left"] == field["left"]
    assert field["right"] == PHONE["width"] - field["left"]


def test_name_of_a_new_room_has_a_row_of_its_own(chat: ChatServer, page: Any) -> None:
    page.goto(f"{chat.url}/rooms")
    box, field, check = edges(page, "main form", "main [name=name]", "main .check")
    assert (field["left"], field["right"]) == (check["left"], page.evaluate(
        "document.querySelector('main form').getBoundingClientRect().right"))  # fmt: skip
    assert box["top"] < field["top"] < check["top"]

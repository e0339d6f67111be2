"""Messages in a pane of their own: nothing covers them, and nothing moves them."""

from typing import Any

import pytest

from tests.browser.test_room import say
from tests.live.server import ChatServer

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

# Adds a message with a preview whose picture takes its time.
PICTURE = """(source) => {
    const image = document.createElement("img");
    Object.assign(image, { src: source, width: 320, height: 240, alt: "" });
    const link = document.createElement("a");
    link.className = "preview";
    link.append(image);
    const item = document.createElement("li");
    item.className = "message";
    item.append(link);
    document.getElementById("messages").append(item);
}"""
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="320" height="240"></svg>'


def fill(chat: ChatServer, nickname: str, count: int = 30) -> str:
    """Post so many messages that they do not fit into a window; return the author's token."""
    token = chat.register(nickname)
    for number in range(count):
        message = {"source": f"{nickname} {number}."}
        chat.call("POST", "/api/messages", token, json=message).raise_for_status()
    return token


def bottom_of(page: Any, selector: str) -> float:
    box = page.locator(selector).bounding_box()
    return float(box["y"] + box["height"])


def test_newest_message_is_above_the_composer(chat: ChatServer, open_room: Any) -> None:
    fill(chat, "filler")
    page = open_room("ann")
    say(page, "the newest")
    page.wait_for_selector(".message:has-text('the newest')")
    for _ in range(2):
        top = page.locator(".composer").bounding_box()["y"]
        assert bottom_of(page, ".message:last-of-type") <= top
        page.reload()
        page.wait_for_selector("#connection[data-state=live]", state="attached")


def test_picture_that_arrives_moves_nothing(chat: ChatServer, open_room: Any) -> None:
    page = open_room("ann")
    held: list[Any] = []
    page.route("**/late.svg", lambda route: held.append(route))
    page.evaluate(PICTURE, "/static/late.svg")
    image = page.locator(".message:last-of-type img")
    before = image.bounding_box()
    while not held:
        page.wait_for_timeout(10)
    held.pop().fulfill(body=SVG, content_type="image/svg+xml")
    page.wait_for_function("() => document.querySelector('.message:last-of-type img').complete")
    assert before == image.bounding_box()
    assert (before["width"], before["height"]) == (128, 96)
    assert bottom_of(page, ".message:last-of-type") <= page.locator(".composer").bounding_box()["y"]


def test_page_without_a_script_opens_at_the_newest(chat: ChatServer, browser: Any) -> None:
    fill(chat, "writer")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(chat.url + "/")
    sync_api.expect(page.locator(".message:has-text('writer 29.')")).to_be_in_viewport()
    context.close()

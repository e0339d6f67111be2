"""Messages in a pane of their own: nothing covers them, and nothing moves them."""

from typing import Any

import pytest

from tests.browser.test_room import say
from tests.chromium import WAIT_MS, wait_for_held
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
PHONE = {"width": 390, "height": 844}
# Returns what can be clicked and is smaller than a number of pixels. What is in a message's text is
# in a line of it, which the rules exempt; a label around an input is clicked in its place.
SMALL = """(least) => [...document.querySelectorAll("a, button, input, summary, textarea")]
    .filter((each) => !each.closest(".text, .skip") && each.checkVisibility({
        visibilityProperty: true, opacityProperty: false }))
    .filter((each) => {
        const { width, height } = (each.closest("label") || each).getBoundingClientRect();
        return width && (width < least || height < least);
    })
    .map((each) => each.outerHTML)"""
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
    page.wait_for_selector("#messages .message:has-text('the newest')")
    sync_api.expect(page.locator("#outbox .message")).to_have_count(0)
    for _ in range(2):
        top = page.locator(".composer").bounding_box()["y"]
        assert bottom_of(page, ".message:last-of-type") <= top
        # Nothing is newer than the newest, whatever the sheet says of such links.
        sync_api.expect(page.locator(".newer")).to_be_hidden()
        page.reload()
        page.wait_for_selector("#connection[data-state=live]", state="attached")


def test_picture_that_arrives_moves_nothing(chat: ChatServer, open_room: Any) -> None:
    page = open_room("ann")
    held: list[Any] = []
    page.route("**/late.svg", lambda route: held.append(route))
    page.evaluate(PICTURE, "/static/late.svg")
    size = "() => { const { width, height } = document.querySelector('.message:last-of-type img')"
    size += ".getBoundingClientRect(); return [width, height]; }"
    before = page.evaluate(size)
    wait_for_held(page, held)
    held.pop().fulfill(body=SVG, content_type="image/svg+xml")
    page.wait_for_function("() => document.querySelector('.message:last-of-type img').complete")
    assert before == page.evaluate(size) == [128, 96]
    assert bottom_of(page, ".message:last-of-type") <= page.locator(".composer").bounding_box()["y"]


def test_page_without_a_script_opens_at_the_newest(chat: ChatServer, browser: Any) -> None:
    fill(chat, "writer")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(chat.url + "/")
    sync_api.expect(page.locator(".message:has-text('writer 29.')")).to_be_in_viewport()
    context.close()


def test_link_to_a_message_beyond_the_page(chat: ChatServer, open_room: Any) -> None:
    token = fill(chat, "archivist", 70)
    user = chat.call("GET", "/api/messages?limit=1", token).json()["messages"][0]["user_id"]
    path = f"/api/messages?user_id={user}&after=0&limit=1"
    first = chat.call("GET", path, token).json()["messages"][0]
    page = open_room("ann")
    target = page.locator(f"#m{first['id']}")
    page.goto(f"{chat.url}/rooms/lobby#m{first['id']}")
    sync_api.expect(target).to_be_in_viewport()
    top = page.locator("header").first.bounding_box()
    assert target.bounding_box()["y"] >= top["y"] + top["height"]
    # The same within a page that is open.
    page.goto(chat.url + "/")
    page.evaluate("(id) => { location.hash = `m${id}`; }", first["id"])
    sync_api.expect(target).to_be_in_viewport()
    # One that is there no more leads nowhere.
    page.goto(f"{chat.url}/rooms/lobby#m2000000000")
    page.wait_for_selector("#connection[data-state=live]", state="attached")
    assert page.url.endswith("/rooms/lobby#m2000000000")


def test_older_page_sends_by_enter_too(chat: ChatServer, open_room: Any) -> None:
    fill(chat, "historian", 3)
    page = open_room("ann")
    newest = page.locator(".message").last.get_attribute("id").removeprefix("m")
    page.goto(f"{chat.url}/rooms/lobby?before={newest}")
    # So little is newer that the page may have gone on by itself, and then keeps its address.
    say(page, "from an older page")
    sync_api.expect(page.locator(".message:has-text('from an older page')")).to_be_in_viewport()


@pytest.mark.parametrize("path", ["/", "/login", "/account", "/rooms", "/?before=9"])
def test_nothing_to_click_is_too_small(chat: ChatServer, open_room: Any, path: str) -> None:
    page = open_room("ann")
    say(page, "with actions")
    page.locator(".message:has-text('with actions') .actions").first.wait_for(state="attached")
    page.goto(chat.url + path)
    assert page.evaluate(SMALL, 24) == []


def test_a_finger_finds_more_room(chat: ChatServer, browser: Any) -> None:
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    for path in ("/", "/login", "/rooms"):
        page.goto(chat.url + path)
        assert page.evaluate("matchMedia('(pointer: coarse)').matches")
        small = page.evaluate(SMALL, 44)
        # The place of a message, whose line has no more height.
        assert [each for each in small if "permalink" not in each and "checkbox" not in each] == []
    context.close()


def test_rooms_and_people_are_reached_on_a_phone(chat: ChatServer, open_room: Any) -> None:
    page = open_room("ann")
    page.set_viewport_size(PHONE)
    link = page.locator(".rooms a:has-text('lobby')")
    sync_api.expect(link).to_be_hidden()
    page.click("button:text-is('Rooms')")
    sync_api.expect(page.locator("#people li:text('ann')")).to_be_visible()
    link.click()
    page.wait_for_url("**/rooms/lobby")
    sync_api.expect(link).to_be_hidden()

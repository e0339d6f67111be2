"""The history of a room: it comes as one scrolls, both ways, stays in its place, and is live."""

from typing import Any

import pytest
from sqlalchemy import create_engine, insert

from ngw2f.store.schema import messages
from tests.browser.test_own_messages import choose
from tests.browser.test_room import say
from tests.chromium import wait_for_held
from tests.live.server import ChatServer

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

# More than a page keeps.
COUNT = 800
IDS = (
    "[...document.querySelectorAll('#messages > .message')].map((item) => Number(item.id.slice(1)))"
)
SCROLL = "(by) => document.getElementById('pane').scrollBy(0, by)"


@pytest.fixture(scope="module")
def past(chat: ChatServer) -> tuple[str, list[int]]:
    """Return the path of a room and the ids of its messages, written past the API."""
    token = chat.register("chronicler")
    room = chat.call("POST", "/api/rooms", token, json={"name": "annals"}).json()
    first = chat.call("POST", room["_links"]["messages"], token, json={"source": "year 0"}).json()
    engine = create_engine(f"sqlite:///{chat.log.parent}/chat.sqlite3")
    same = {"room_id": room["id"], "user_id": first["user_id"], "rendered": True, "version": 1}
    rows = [
        {**same, "source": f"year {number}", "html": f"<p>year {number}</p>",
         "created_at": first["created_at"], "updated_at": first["updated_at"]}
        for number in range(1, COUNT)
    ]  # fmt: skip
    with engine.begin() as connection:
        connection.execute(insert(messages), rows)
    engine.dispose()
    chat.call("POST", room["_links"]["messages"], token, json={"source": "today"})
    return room["_links"]["page"], [first["id"] + number for number in range(COUNT)]


def seen(page: Any) -> list[int]:
    ids: list[int] = page.evaluate(IDS)
    return ids


def test_older_messages_come_and_nothing_moves(
    chat: ChatServer, open_room: Any, past: tuple[str, list[int]]
) -> None:
    path, ids = past
    page = open_room("hal")
    page.goto(chat.url + path)
    page.wait_for_selector("#connection[data-state=live]", state="attached")
    assert len(seen(page)) == 50
    sync_api.expect(page.locator(".newer")).to_be_hidden()
    held: list[Any] = []
    page.route("**limit=50&before=*", lambda route: held.append(route))
    mark = page.locator(f"#m{seen(page)[5]}")
    mark.evaluate("(item) => item.scrollIntoView({ block: 'start' })")
    wait_for_held(page, held)
    place = mark.bounding_box()["y"]
    held.pop().continue_()
    page.unroute("**limit=50&before=*")
    page.wait_for_function(f"() => {IDS}.length >= 100")
    assert abs(mark.bounding_box()["y"] - place) < 2
    # In order, each once; and what goes at the other end can come back.
    while (first := seen(page)[0]) != ids[0]:
        page.evaluate(SCROLL, -100_000)
        page.wait_for_function(f"(first) => {IDS}[0] !== first", arg=first)
    shown = seen(page)
    assert shown == list(range(ids[0], ids[0] + len(shown)))
    assert len(shown) == 400
    # What few see of each of them is not laid out, which would cost most of a page of the history.
    assert (
        page.evaluate("""() => [...document.querySelectorAll('.actions')]
        .filter((actions) => actions.getClientRects().length).length""")
        <= 1
    )
    assert page.get_attribute("#messages", "data-live") is None
    sync_api.expect(page.locator(".newer")).to_be_visible()
    sync_api.expect(page.locator(".older")).to_be_hidden()
    while page.get_attribute("#messages", "data-live") is None:
        last = seen(page)[-1]
        page.evaluate(SCROLL, 100_000)
        # What was asked for may have come just before.
        is_there = f"(last) => {IDS}.at(-1) !== last || messages.dataset.live"
        page.wait_for_function(is_there, arg=last)
    shown = seen(page)
    assert shown == sorted(set(shown))
    sync_api.expect(page.locator("#messages > .message").last).to_contain_text("today")


def test_older_page_is_live(chat: ChatServer, open_room: Any, past: tuple[str, list[int]]) -> None:
    path, ids = past
    page, other = open_room("hal"), open_room("hel")
    other.goto(chat.url + path)
    say(other, "said while others read")
    message = other.locator(".message:has-text('said while others read')")
    message.locator(".own").wait_for(state="attached")
    number = message.get_attribute("id")
    held: list[Any] = []
    page.route("**limit=50&*", lambda route: held.append(route))
    page.goto(f"{chat.url}/messages/{ids[COUNT // 2]}")
    page.wait_for_selector("#connection[data-state=live]", state="attached")
    sync_api.expect(page.locator(f"#m{ids[COUNT // 2]}")).to_be_in_viewport()
    assert page.locator(f"#{number}").count() == 0
    # What is said at the end is counted, and the pill leads there, also while a page is read.
    wait_for_held(page, held)
    say(other, "and then this")
    sync_api.expect(page.locator("#below")).to_have_text("1 new")
    page.click("#below")
    held.pop().continue_()
    page.unroute("**limit=50&*")
    sync_api.expect(page.locator(".message:has-text('and then this')")).to_be_in_viewport()
    assert page.url == chat.url + path
    sync_api.expect(page.locator(f"#{number}")).to_have_count(1)
    say(other, "live again")
    sync_api.expect(page.locator(".message:has-text('live again')")).to_be_in_viewport()
    # An edit of an older message is seen where somebody reads it.
    page.goto(f"{chat.url}{path}?before={number.removeprefix('m')}")
    other.goto(f"{chat.url}{path}?before={number.removeprefix('m')}")
    for each in (page, other):
        each.wait_for_selector("#connection[data-state=live]", state="attached")
        each.locator(f"#{number}").scroll_into_view_if_needed()
    choose(other.locator(f"#{number}"), "Edit")
    other.locator(".editing textarea").fill("*changed* by hel")
    other.locator(".editing textarea").press("Enter")
    sync_api.expect(page.locator(f"#{number} em")).to_have_text("changed")


def test_scrolling_tries_again_when_the_script_did_not_load(
    chat: ChatServer, open_room: Any, past: tuple[str, list[int]]
) -> None:
    page = open_room("hal")
    page.route("**/history.js*", lambda route: route.abort(), times=1)
    page.goto(chat.url + past[0])
    page.wait_for_selector("html.scripted")
    with page.expect_event("requestfailed", lambda request: "history.js" in request.url):
        page.locator("#messages > .message").first.evaluate("(item) => item.scrollIntoView()")
    page.wait_for_function("""() => {
      window.step = -(window.step || 20);
      document.getElementById("pane").scrollBy(0, window.step);
      return document.querySelectorAll("#messages > .message").length > 50;
    }""")


def test_arrow_key_waits_for_what_is_read_of_the_other_end(
    chat: ChatServer, open_room: Any, past: tuple[str, list[int]]
) -> None:
    path, ids = past
    page = open_room("hal")
    held: list[Any] = []
    page.route("**limit=50&after=*", lambda route: held.append(route))
    page.goto(f"{chat.url}{path}?before={ids[300]}")
    wait_for_held(page, held)
    number = seen(page)[0]
    page.locator(f"#m{number}").evaluate("(item) => { item.tabIndex = -1; item.focus(); }")
    page.keyboard.press("ArrowUp")
    held.pop().continue_()
    sync_api.expect(page.locator(f"#m{number - 1}")).to_be_focused()


def test_arrow_keys_go_on_where_the_page_ends(
    chat: ChatServer, open_room: Any, past: tuple[str, list[int]]
) -> None:
    path, ids = past
    page = open_room("hal")
    page.goto(f"{chat.url}{path}?before={ids[300]}")
    page.wait_for_selector("#connection[data-state=live]", state="attached")
    # By its id: what is before it may come at any moment.
    number = seen(page)[0]
    page.locator(f"#m{number}").evaluate("(item) => { item.tabIndex = -1; item.focus(); }")
    page.keyboard.press("ArrowUp")
    sync_api.expect(page.locator(f"#m{number - 1}")).to_be_focused()

"""Rooms that change, and direct messages that begin, while others have a page open."""

import secrets
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.browser.test_room import say
from tests.chromium import WAIT_MS, wait_for_held
from tests.live.server import ChatServer

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


def call(page: Any, method: str, path: str, body: object) -> Any:
    """Ask the API as a page's user, not from the page: it may leave before it hears the answer."""
    address = urlsplit(page.url)
    origin = f"{address.scheme}://{address.netloc}"
    answer = page.request.fetch(
        origin + path, method=method, data=body, headers={"Origin": origin}, timeout=WAIT_MS
    )
    assert answer.ok, answer.text()
    return answer.json() if answer.body() else None


@pytest.fixture
def tea(chat: ChatServer, open_room: Any) -> Any:
    """Return Ann's page, and that of Ben, who both see a new room of Ann's."""
    ann, ben = open_room("room-ann"), open_room("room-ben")
    name = f"tea-{secrets.token_hex(4)}"
    room = call(ann, "POST", "/api/rooms", {"name": name})
    for page in (ann, ben):
        page.goto(f"{chat.url}{room['_links']['page']}")
        page.wait_for_selector("#connection[data-state=live]", state="attached")
    return ann, ben, room


def test_room_changes_on_open_pages(tea: Any) -> None:
    ann, ben, room = tea
    api = room["_links"]["self"]
    call(ann, "PUT", api, {"topic": "hot drinks"})
    ben.wait_for_function("() => topic.textContent === 'hot drinks'")
    ben.fill("[name=source]", "not sent yet")
    call(ann, "PUT", api, {"archived": True})
    ben.wait_for_selector("#archived", state="visible")
    ben.wait_for_selector(".composer", state="hidden")
    call(ann, "PUT", api, {"archived": False})
    ben.wait_for_selector(".composer", state="visible")
    # The page is loaded anew, and its script brings the draft back.
    sync_api.expect(ben.locator("[name=source]")).to_have_value("not sent yet")
    call(ann, "PUT", api, {"name": f"{room['name']}-2"})
    ben.wait_for_url(f"**/rooms/{room['name']}-2")
    ben.wait_for_function("name => document.querySelector('h1').textContent === name",
                          arg=f"{room['name']}-2")  # fmt: skip


def test_archived_room_leaves_the_list(chat: ChatServer, tea: Any) -> None:
    ann, ben, room = tea
    link = f".rooms a[data-room='{room['id']}']"
    ben.goto(f"{chat.url}/")
    ben.wait_for_selector(link, state="attached")
    ben.wait_for_selector("#connection[data-state=live]", state="attached")
    call(ann, "PUT", room["_links"]["self"], {"archived": True})
    ben.wait_for_selector(link, state="detached")
    call(ann, "PUT", room["_links"]["self"], {"archived": False})
    ben.wait_for_selector(link, state="attached")


def test_direct_message_begins(tea: Any) -> None:
    ann, ben, _room = tea
    ann.goto(ann.url.split("/rooms")[0] + "/direct")
    ann.fill("[name=nicknames]", "room-ben")
    ann.press("[name=nicknames]", "Enter")
    ann.wait_for_url("**/direct/*")
    say(ann, "psst")
    # It is named by the other one, for each.
    link = ben.wait_for_selector("#directs a")
    assert link.query_selector(".name").text_content() == "room-ann"
    ben.wait_for_selector("#directs .count")
    link.click()
    ben.wait_for_selector(".message .text >> text=psst")
    assert ben.text_content("h1") == "room-ann"


def test_what_is_said_in_a_room_as_it_begins_is_counted(chat: ChatServer, open_room: Any) -> None:
    page = open_room("room-cleo")
    held: list[Any] = []
    page.route("**/stream.js*", lambda route: held.append(route))
    page.goto(chat.url + "/", wait_until="commit")
    page.wait_for_selector(".composer")
    token = chat.register("room-dora")
    name = f"new-{secrets.token_hex(4)}"
    room = chat.call("POST", "/api/rooms", token, json={"name": name}).json()
    chat.call("POST", room["_links"]["messages"], token, json={"source": "first"})
    # The script for rooms is loaded by the one event, and the other one comes right behind.
    wait_for_held(page, held)
    held.pop().continue_()
    count = page.locator(f".rooms a[data-room='{room['id']}'] .count")
    sync_api.expect(count).to_have_text("1 unread")


def test_script_for_rooms_that_stalls_holds_up_its_room_alone(
    chat: ChatServer, open_room: Any
) -> None:
    page = open_room("room-hal")
    held: list[Any] = []
    page.route("**/rooms.js*", lambda route: held.append(route))
    token = chat.token_of("room-ida")
    name = f"slow-{secrets.token_hex(4)}"
    room = chat.call("POST", "/api/rooms", token, json={"name": name}).json()
    wait_for_held(page, held)
    chat.call("POST", room["_links"]["messages"], token, json={"source": "counted"})
    said = f"at once-{secrets.token_hex(4)}"
    chat.call("POST", "/api/messages", token, json={"source": said})
    page.locator(f".message:has-text('{said}')").wait_for()
    held.pop().continue_()
    count = page.locator(f".rooms a[data-room='{room['id']}'] .count")
    sync_api.expect(count).to_have_text("1 unread")


def test_script_for_rooms_that_does_not_load_is_asked_for_again(
    chat: ChatServer, open_room: Any
) -> None:
    page = open_room("room-finn")
    page.route("**/rooms.js*", lambda route: route.abort(), times=1)
    token = chat.token_of("room-gwen")
    lost, shown = f"lost-{secrets.token_hex(4)}", f"shown-{secrets.token_hex(4)}"
    with page.expect_event("requestfailed", lambda request: "rooms.js" in request.url):
        chat.call("POST", "/api/rooms", token, json={"name": lost}).raise_for_status()
    chat.call("POST", "/api/rooms", token, json={"name": shown}).raise_for_status()
    sync_api.expect(page.locator(f".rooms .name:has-text('{shown}')")).to_have_count(1)

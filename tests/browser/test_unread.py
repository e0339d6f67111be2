"""What is unread: the same in all tabs and devices, by mouse and by keyboard, over reloads."""

import re
from typing import Any

import pytest

from tests.browser.test_room import say
from tests.chromium import WAIT_MS
from tests.live.server import ChatServer

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

LIVE = "#connection[data-state=live]"
# As if another window had the focus.
LOOK_AWAY = "() => { document.hasFocus = () => false; }"
LOOK = """() => {
    document.hasFocus = () => true;
    window.dispatchEvent(new Event("focus"));
}"""


def room(chat: ChatServer, token: str, name: str) -> str:
    """Make a room and return the path of its messages."""
    made = chat.call("POST", "/api/rooms", token, json={"name": name}).json()
    return f"/api/rooms/{made['id']}/messages"


def count(page: Any, name: str) -> Any:
    return page.locator(f".rooms a:has-text('{name}') .count")


def wait_live(page: Any) -> None:
    page.wait_for_selector(LIVE, state="attached")


def test_count_outlives_a_reload_and_goes_in_all_devices(chat: ChatServer, open_room: Any) -> None:
    token = chat.register("uma")
    path = room(chat, token, "kitchen")
    first, second = open_room("una"), open_room("una")
    tab = first.context.new_page()
    tab.set_default_timeout(WAIT_MS)
    tab.goto(chat.url + "/")
    for page in (first, second, tab):
        wait_live(page)
    for text in ("one", "two"):
        chat.call("POST", path, token, json={"source": text})
    for page in (first, second, tab):
        sync_api.expect(count(page, "kitchen")).to_have_text("2 unread")
        sync_api.expect(page).to_have_title("(2) lobby · NGW2F")
        sync_api.expect(page.locator("#icon")).to_have_attribute("href", _icon("icon-unread.svg"))
    first.reload()
    sync_api.expect(count(first, "kitchen")).to_have_text("2 unread")
    first.click(".rooms a:has-text('kitchen')")
    for page in (first, second, tab):
        sync_api.expect(count(page, "kitchen")).to_have_count(0)
    sync_api.expect(second).to_have_title("lobby · NGW2F")
    sync_api.expect(second.locator("#icon")).to_have_attribute("href", _icon("icon.svg"))


def _icon(name: str) -> Any:
    return re.compile(rf"^/static/{re.escape(name)}\?")


def test_what_came_while_one_looked_away_has_a_line(chat: ChatServer, open_room: Any) -> None:
    token = chat.register("vera")
    path = room(chat, token, "garden")
    chat.call("POST", path, token, json={"source": "known"})
    page = open_room("vic")
    page.goto(chat.url + "/rooms/garden")
    wait_live(page)
    page.evaluate(LOOK_AWAY)
    for text in ("new one", "new two"):
        chat.call("POST", path, token, json={"source": text})
    news = page.locator(".news a")
    sync_api.expect(news).to_have_text("2 new since you were here")
    sync_api.expect(page).to_have_title("(2) garden · NGW2F")
    page.evaluate(LOOK)
    sync_api.expect(page.locator("#news")).to_be_hidden()
    sync_api.expect(page).to_have_title("garden · NGW2F")


def test_more_than_a_page_is_read_from_where_one_was(chat: ChatServer, open_room: Any) -> None:
    token = chat.register("uli")
    path = room(chat, token, "library")
    page, other = open_room("ugo"), open_room("ugo")
    wait_live(other)
    page.add_init_script("document.hasFocus = () => false;")
    for number in range(60):
        chat.call("POST", path, token, json={"source": f"volume {number}."})
    page.goto(chat.url + "/rooms/library")
    news = page.locator(".news a")
    sync_api.expect(news).to_have_text("60 new since you were here")
    news.press("Enter")
    page.wait_for_url("**?after=*#new")
    sync_api.expect(page.locator(".messages > li").first).to_have_text("New since you were here")
    page.evaluate(LOOK)
    # What comes after the page that one reads on comes to it.
    page.locator(".message:has-text('volume 59.')").scroll_into_view_if_needed()
    for each in (other, page):
        sync_api.expect(count(each, "library")).to_have_count(0)


@pytest.mark.parametrize("way", ["mouse", "keyboard"])
def test_message_marked_unread_stays_so(chat: ChatServer, open_room: Any, way: str) -> None:
    token = chat.register(f"wim-{way}")
    path = room(chat, token, f"attic-{way}")
    page, other = open_room(f"wil-{way}"), open_room(f"wil-{way}")
    wait_live(other)
    for text in ("first", "second", "third"):
        chat.call("POST", path, token, json={"source": text})
    page.goto(f"{chat.url}/rooms/attic-{way}")
    wait_live(page)
    sync_api.expect(count(other, f"attic-{way}")).to_have_count(0)
    message = page.locator(".message:has-text('second')")
    if way == "mouse":
        message.hover()
        message.get_by_text("Mark unread").click()
    else:
        page.focus("#pane")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowUp")
        sync_api.expect(page.locator(".message:focus")).to_contain_text("second")
        for _ in ("reply", "react", "mark unread"):
            page.keyboard.press("Tab")
        sync_api.expect(page.locator(".mark-unread button:focus")).to_have_count(1)
        page.keyboard.press("Enter")
    line = page.locator(".since + .message")
    sync_api.expect(line).to_contain_text("second")
    for each in (page, other):
        sync_api.expect(count(each, f"attic-{way}")).to_have_text("2 unread")
    # The focus stays where it was, and marking as read takes it all away.
    page.locator(".news button").press("Enter")
    for each in (page, other):
        sync_api.expect(count(each, f"attic-{way}")).to_have_count(0)


def test_edited_message_says_so_at_once(chat: ChatServer, open_room: Any) -> None:
    token = chat.register("xia")
    page = open_room("xen")
    wait_live(page)
    path = chat.call("POST", "/api/messages", token, json={"source": "draught"}).json()["_links"]
    message = page.locator(".message:has-text('drau')")
    sync_api.expect(message).to_have_count(1)
    chat.call("PUT", path["self"], token, json={"source": "drauf"})
    sync_api.expect(message.locator(".edited")).to_contain_text("(edited ")
    sync_api.expect(message.locator(".text")).to_have_text("drauf")


def test_own_message_is_no_news(chat: ChatServer, open_room: Any) -> None:
    page, other = open_room("yan"), open_room("yan")
    wait_live(other)
    say(page, "mine, everywhere")
    other.wait_for_selector(".message:has-text('mine, everywhere')")
    sync_api.expect(other).to_have_title("lobby · NGW2F")


def test_mention_is_told_apart_and_leads_to_the_inbox(chat: ChatServer, open_room: Any) -> None:
    token = chat.register("zac")
    path = room(chat, token, "study")
    page, other = open_room("zoe"), open_room("zoe")
    for each in (page, other):
        wait_live(each)
    said = [
        chat.call("POST", path, token, json={"source": text}).json()["_links"]["self"]
        for text in ("nothing", "@zoe, look", "@zoe, again")
    ]
    for each in (page, other):
        sync_api.expect(each.locator(".inbox .count")).to_have_text("2 unread, 2 for you")
        sync_api.expect(count(each, "study")).to_have_text("3 unread, 2 for you")
    # An edit changes whom it mentions.
    chat.call("PUT", said[2], token, json={"source": "nobody again"})
    for each in (page, other):
        sync_api.expect(count(each, "study")).to_have_text("3 unread, 1 for you")
    page.reload()
    sync_api.expect(count(page, "study")).to_have_text("3 unread, 1 for you")
    page.locator(".inbox").press("Enter")
    page.wait_for_url("**/inbox")
    sync_api.expect(page.locator(".message.calls .text")).to_have_text("@zoe, look")
    page.locator(".message .place").click()
    page.wait_for_url("**/rooms/study#m*")
    sync_api.expect(page.locator(".message.calls .mention")).to_have_text("@zoe")
    for each in (page, other):
        sync_api.expect(each.locator(".inbox .count")).to_have_count(0)


def test_all_in_a_room_are_called_who_have_come(chat: ChatServer, open_room: Any) -> None:
    token = chat.register("abe")
    path = room(chat, token, "hall")
    here, elsewhere = open_room("ada"), open_room("alf")
    here.goto(chat.url + "/rooms/hall")
    wait_live(here)
    here.wait_for_function(
        "async () => (await (await fetch('/api/rooms?limit=200')).json())"
        ".rooms.find((each) => each.name === 'hall').in_room"
    )
    here.goto(chat.url + "/")
    for each in (here, elsewhere):
        wait_live(each)
    chat.call("POST", path, token, json={"source": "@room, come"})
    sync_api.expect(count(here, "hall")).to_have_text("1 unread, 1 for you")
    sync_api.expect(count(elsewhere, "hall")).to_have_text("1 unread")


def test_muted_room_leaves_the_title_alone(chat: ChatServer, open_room: Any) -> None:
    token = chat.register("ben")
    path = room(chat, token, "cellar")
    page, other = open_room("bea"), open_room("bea")
    wait_live(other)
    page.goto(chat.url + "/rooms/cellar")
    page.get_by_text("Mute", exact=True).click()
    page.get_by_text("Unmute", exact=True).wait_for()
    page.goto(chat.url + "/")
    wait_live(page)
    chat.call("POST", path, token, json={"source": "quiet"})
    for each in (page, other):
        sync_api.expect(count(each, "cellar")).to_have_text("1 unread")
        sync_api.expect(each).to_have_title("lobby · NGW2F")
        sync_api.expect(each.locator(".rooms a[data-muted]")).to_have_count(1)

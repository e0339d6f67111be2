"""What makes the page an application: keys, notifications, the last page without a connection."""

from typing import Any

import pytest

from tests.browser.conftest import sign_in
from tests.browser.test_room import say
from tests.chromium import WAIT_MS
from tests.live.server import ChatServer

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

# Headless browsers show none.
NOTIFICATION = """
window.noticed = [];
navigator.setAppBadge = (count) => { window.badge = count; return Promise.resolve(); };
window.Notification = class {
    static permission = "granted";
    static requestPermission() { return Promise.resolve("granted"); }
    constructor(title, { body, tag, data }) {
        Object.assign(this, { title, body, tag, data });
        noticed.push(this);
    }
    close() { noticed.splice(noticed.indexOf(this), 1); }
};
"""
LIVE = "#connection[data-state=live]"


def test_sheet_of_keys(open_room: Any) -> None:
    page = open_room("ann")
    sheet = page.locator("#keys")
    page.focus("#pane")
    page.keyboard.press("?")
    sync_api.expect(sheet).to_be_visible()
    page.keyboard.press("Escape")
    sync_api.expect(sheet).to_be_hidden()
    page.fill("textarea", "")
    page.focus("textarea")
    page.keyboard.type("?")
    sync_api.expect(sheet).to_be_hidden()
    assert page.input_value("textarea") == "?"
    page.fill("textarea", "")
    page.click(".rooms .keys")
    sync_api.expect(sheet).to_be_visible()


def test_notifications_of_what_is_for_the_reader_and_unseen(
    chat: ChatServer, open_room: Any
) -> None:
    page = open_room("noa")
    page.context.add_init_script(NOTIFICATION)
    page.goto(chat.url + "/account")
    button = page.locator("#notices button")
    sync_api.expect(button).to_have_text("Notify me in this browser")
    button.click()
    sync_api.expect(button).to_have_text("Stop notifications here")
    token = chat.register("nils")
    path = f"/api/rooms/{_room(chat, token, 'alcove')}/messages"
    page.goto(chat.url + "/")
    page.wait_for_selector(LIVE, state="attached")
    # Nobody waits for what is not shown: what comes after it is.
    say(page, "@noa by herself")
    chat.call("POST", path, token, json={"source": "for nobody"})
    chat.call("POST", "/api/messages", token, json={"source": "@noa seen at once"})
    chat.call("POST", path, token, json={"source": "@noa come **here**"})
    page.wait_for_function("() => noticed.length")
    page.wait_for_selector(".message:has-text('seen at once')")
    assert page.evaluate("noticed.map(({ title, body }) => [title, body])") == [
        ["nils in # alcove", "@noa come here"]
    ]
    page.wait_for_function("() => badge === 1")
    page.goto(chat.url + page.evaluate("noticed[0].data"))
    assert page.url.startswith(f"{chat.url}/rooms/alcove")


def test_notification_goes_when_another_device_has_read(chat: ChatServer, open_room: Any) -> None:
    page, device = open_room("nea"), open_room("nea")
    page.context.add_init_script(NOTIFICATION)
    page.evaluate("localStorage.setItem(`ngw2f-notices-${messages.dataset.reader}`, 'on')")
    page.reload()
    page.wait_for_selector(LIVE, state="attached")
    token = chat.register("ned")
    path = f"/api/rooms/{_room(chat, token, 'niche')}/messages"
    chat.call("POST", path, token, json={"source": "@nea look"})
    page.wait_for_function("() => noticed.length === 1")
    device.goto(chat.url + "/rooms/niche")
    page.wait_for_function("() => noticed.length === 0")


def test_last_page_without_a_connection(chat: ChatServer, browser: Any) -> None:
    context = browser.new_context()
    context.add_cookies(sign_in(chat, "olga"))
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(chat.url + "/")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.wait_for_function("() => navigator.serviceWorker.controller")
    page.reload()
    page.wait_for_selector(LIVE, state="attached")
    say(page, "before the tunnel")
    page.wait_for_selector(".message:has-text('before the tunnel') .actions", state="attached")
    page.reload()
    # The page of before was kept, too.
    page.wait_for_function(f"{TEXT_KEPT}.includes('before the tunnel'))", arg=chat.url + "/")
    # As a picture, it is no page.
    page.goto(chat.url + "/api/rooms")
    context.set_offline(True)
    page.goto(chat.url + "/rooms/lobby")
    assert page.url == chat.url + "/"
    page.wait_for_selector(".message:has-text('before the tunnel')")
    sync_api.expect(page.locator("#connection")).to_contain_text("offline")
    context.set_offline(False)
    page.goto(chat.url + "/account")
    page.wait_for_function("() => caches.has('page-1').then((has) => !has)")
    page.goto(chat.url + "/")
    page.wait_for_function(KEPT, arg=chat.url + "/")
    page.click("button:text-is('Sign out')")
    page.wait_for_selector(".join")
    # The page that one sees then is kept, and nothing of the account.
    page.wait_for_function(f"{TEXT_KEPT}.includes('class=\"join\"'))", arg=chat.url + "/")
    kept = page.evaluate(f"{TEXT_KEPT})", chat.url + "/")
    assert "olga</a>" not in kept
    context.close()


KEPT = "(url) => caches.match(url).then((page) => !!page)"
# Goes on with what is done to the text, and a bracket.
TEXT_KEPT = "(url) => caches.match(url).then((page) => page?.text()).then((text = '') => text"


def _room(chat: ChatServer, token: str, name: str) -> int:
    return int(chat.call("POST", "/api/rooms", token, json={"name": name}).json()["id"])

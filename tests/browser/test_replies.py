"""Replies on the page: begun by mouse, key and finger; their quotes follow what they quote."""

from typing import Any

import pytest

from tests.browser.test_own_messages import choose, said
from tests.browser.test_room import say

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


def test_reply_quotes_and_links(open_room: Any) -> None:
    page, other = open_room("rea"), open_room("rob")
    say(page, "to be **quoted** once")
    # Its text changes when it is rendered.
    number = page.locator(".message[id]:has-text('to be')").get_attribute("id")
    message = page.locator(f"#{number}")
    there = other.locator(f"#{number}")
    there.wait_for()
    choose(there, "Reply")
    sync_api.expect(other.locator("#replying")).to_contain_text("Replying to rea: to be")
    sync_api.expect(other.locator("#write")).to_be_focused()
    say(other, "an answer to that")
    sync_api.expect(other.locator("#replying")).to_be_hidden()
    for each in (page, other):
        quote = each.locator(".message:has-text('an answer to that') .quote")
        sync_api.expect(quote).to_have_text("rea to be quoted once")
    # It follows an edit and a deletion, and the link leads to the message.
    page.locator(".message:has-text('an answer to that') .quote").click()
    sync_api.expect(page.locator(f"#{number}")).to_be_focused()
    choose(message, "Edit")
    field = page.locator(".editing textarea")
    field.fill("something else")
    field.press("Enter")
    quotes = [each.locator(".message:has-text('an answer to that') .quote") for each in
              (page, other)]  # fmt: skip
    for quote in quotes:
        sync_api.expect(quote).to_have_text("rea something else")
    choose(message, "Delete")
    sync_api.expect(quotes[1]).to_have_text("A deleted message")
    page.locator(".gone button").click()
    sync_api.expect(quotes[1]).to_have_text("rea something else")
    other.reload()
    sync_api.expect(quotes[1]).to_have_text("rea something else")


def test_reply_by_keys_and_none_after_escape(open_room: Any) -> None:
    page = open_room("rea")
    message = said(page, "by the keyboard")
    page.focus("#pane")
    page.keyboard.press("ArrowUp")
    sync_api.expect(message).to_be_focused()
    page.keyboard.press("r")
    sync_api.expect(page.locator("#replying")).to_contain_text("by the keyboard")
    # It is kept with the draft.
    page.fill("#write", "begun")
    page.reload()
    sync_api.expect(page.locator("#replying")).to_have_text(
        "Replying to rea: by the keyboard Cancel"
    )
    assert page.input_value("[name=reply_to]") == message.get_attribute("id").removeprefix("m")
    page.focus("#write")
    page.keyboard.press("Escape")
    sync_api.expect(page.locator("#replying")).to_be_hidden()
    # Without a draft, nothing is answered later.
    choose(message, "Reply")
    page.fill("#write", "")
    page.reload()
    page.wait_for_selector("#connection[data-state=live]", state="attached")
    page.fill("#write", "not a reply")
    page.reload()
    page.wait_for_selector("#connection[data-state=live]", state="attached")
    sync_api.expect(page.locator("#replying")).to_be_hidden()
    say(page, "not a reply")
    page.wait_for_selector(".message:has-text('not a reply') .own", state="attached")
    assert page.locator(".message:has-text('not a reply') .quote").count() == 0

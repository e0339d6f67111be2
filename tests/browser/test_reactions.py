"""Reactions on the page: by mouse and by keyboard, in two windows, over a reload."""

from typing import Any

import pytest

from tests.browser.test_own_messages import choose, said

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

THUMB, ROCKET = "\U0001f44d", "\U0001f680"


def test_reaction_is_counted_in_all_windows(open_room: Any) -> None:
    page, other = open_room("ray"), open_room("ria")
    number = said(page, "what do you think").get_attribute("id")
    here, there = page.locator(f"#{number}"), other.locator(f"#{number}")
    there.wait_for()
    choose(there, "React")
    sync_api.expect(other.locator(".picker button").first).to_be_focused()
    other.locator(f".picker button:text-is('{THUMB}')").click()
    sync_api.expect(other.locator(".picker")).to_have_count(0)
    for each, is_own in ((here, "false"), (there, "true")):
        button = each.locator(".reactions button")
        sync_api.expect(button).to_have_text(f"{THUMB} 1")
        sync_api.expect(button).to_have_attribute("aria-pressed", is_own)
    # Another's is pressed too, and again it is taken away.
    here.locator(".reactions button").click()
    for each in (here, there):
        sync_api.expect(each.locator(".reactions button")).to_have_text(f"{THUMB} 2")
        sync_api.expect(each.locator(".reactions button")).to_have_attribute("aria-pressed", "true")
    # What is rendered for all, an edit, leaves each reader's own.
    choose(here, "Edit")
    page.locator(".editing textarea").fill("*and now*")
    page.locator(".editing textarea").press("Enter")
    there.locator("em").wait_for()
    sync_api.expect(there.locator(".reactions button")).to_have_attribute("aria-pressed", "true")
    other.reload()
    other.wait_for_selector("html.scripted")
    sync_api.expect(there.locator(".reactions button")).to_have_attribute("aria-pressed", "true")
    there.locator(".reactions button").click()
    for each in (here, there):
        sync_api.expect(each.locator(".reactions button")).to_have_text(f"{THUMB} 1")


def test_reaction_by_the_keyboard(open_room: Any) -> None:
    page = open_room("ray")
    message = said(page, "by the keys")
    page.focus("#pane")
    page.keyboard.press("ArrowUp")
    sync_api.expect(message).to_be_focused()
    page.keyboard.press("+")
    sync_api.expect(page.locator(".picker button").first).to_be_focused()
    page.keyboard.press("Escape")
    sync_api.expect(page.locator(".picker")).to_have_count(0)
    sync_api.expect(message).to_be_focused()
    page.keyboard.press("+")
    page.locator(".picker input").fill(ROCKET)
    page.keyboard.press("Enter")
    button = message.locator(".reactions button")
    sync_api.expect(button).to_have_text(f"{ROCKET} 1")
    sync_api.expect(message).to_be_focused()
    button.focus()
    page.keyboard.press("Enter")
    sync_api.expect(message.locator(".reactions")).to_have_count(0)

"""What the field completes: nicknames after `@`, emoji after `:`; by keys and by mouse."""

from typing import Any

import pytest

from tests.browser.test_own_messages import said

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

ROCKET = "\U0001f680"


def chosen(page: Any) -> Any:
    return page.locator("#choices [aria-selected=true]")


def test_nickname_is_completed_by_keys(open_room: Any) -> None:
    said(open_room("Tessa"), "I am here")
    said(open_room("Teo"), "so am I")
    page = open_room("tom")
    field = page.locator("#write")
    field.press_sequentially("hello @te")
    sync_api.expect(page.locator("#choices li")).to_have_text(["@Teo", "@Tessa"])
    sync_api.expect(chosen(page)).to_have_text("@Teo")
    field.press("ArrowDown")
    sync_api.expect(chosen(page)).to_have_text("@Tessa")
    active = field.get_attribute("aria-activedescendant")
    assert page.locator(f"#{active}").inner_text() == "@Tessa"
    # Enter inserts it, and does not send.
    field.press("Enter")
    sync_api.expect(page.locator("#choices")).to_be_hidden()
    assert field.input_value() == "hello @Tessa "
    assert field.get_attribute("aria-activedescendant") is None
    # Escape closes it, and leaves what is written.
    field.press_sequentially("and @te")
    sync_api.expect(page.locator("#choices")).to_be_visible()
    field.press("Escape")
    sync_api.expect(page.locator("#choices")).to_be_hidden()
    field.press("Enter")
    page.wait_for_selector("#messages .message:has-text('hello @Tessa and @te')")


def test_emoji_is_completed_by_mouse(open_room: Any) -> None:
    page = open_room("tom")
    field = page.locator("#write")
    field.press_sequentially("ship it :rock")
    page.locator("#choices li").click()
    sync_api.expect(field).to_have_value(f"ship it {ROCKET} ")
    sync_api.expect(field).to_be_focused()
    # A time of day is no emoji.
    field.press_sequentially("at 12:30, or http://ro")
    sync_api.expect(page.locator("#choices")).to_be_hidden()

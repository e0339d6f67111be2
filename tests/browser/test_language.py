"""Two people in one room, of whom each reads it in a language of one's own."""

from typing import Any

import pytest

from tests.browser.test_own_messages import choose, said
from tests.browser.test_room import WATCH_TYPING
from tests.live.server import ChatServer

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


def test_each_reads_the_room_in_ones_own_language(chat: ChatServer, open_room: Any) -> None:
    liese, leo = open_room("liese"), open_room("leo")
    reader = liese.get_attribute("#messages", "data-reader")
    change = liese.request.put(f"{chat.url}/api/users/{reader}", data={"language": "de"})
    assert change.ok
    liese.reload()
    liese.wait_for_selector("html.scripted[lang=de]")
    for page in (liese, leo):
        page.wait_for_selector("#connection[data-state=live]", state="attached")
        # It is shown for some seconds, in which nobody may have looked.
        page.evaluate(WATCH_TYPING)
    leo.locator("#write").press_sequentially("hm")
    liese.wait_for_function("() => shown.includes('leo schreibt …')")
    liese.locator("#write").press_sequentially("hm")
    leo.wait_for_function("() => shown.includes('liese is writing…')")
    liese.fill("#write", "")
    leo.fill("#write", "")
    messages = said(leo, "for liese"), said(liese, "für leo")
    for message in messages:
        number = message.get_attribute("id")
        for page, word in ((liese, "Antworten"), (leo, "Reply")):
            link = page.locator(f"#{number} .reply")
            sync_api.expect(link).to_have_text(word)
    # What the script itself says.
    choose(messages[1], "Löschen")
    sync_api.expect(liese.locator(".gone span")).to_have_text("Nachricht gelöscht.")
    sync_api.expect(liese.locator("#log")).to_contain_text("Nachricht gelöscht.")
    liese.locator(".gone button").click()
    sync_api.expect(liese.locator("#log")).to_contain_text("Nachricht zurückgeholt.")
    choose(messages[0].page.locator(f"#{messages[0].get_attribute('id')}"), "Delete")
    sync_api.expect(leo.locator(".gone span")).to_have_text("Message deleted.")
    # And what the server refuses.
    liese.fill("#write", "x" * 10_001)
    sync_api.expect(liese.locator("#length")).to_have_text(
        "1 Zeichen zu viel: Eine Nachricht darf höchstens 10000 haben."
    )
    choose(liese.locator(".message:has-text('für leo')"), "Reagieren")
    liese.fill(".picker [name=other]", "no emoji")
    liese.locator(".picker [name=other]").press("Enter")
    sync_api.expect(liese.locator("#problem")).to_have_text(
        "Keine Reaktion: eine Reaktion muss genau ein Emoji sein."
    )

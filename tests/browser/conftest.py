"""A browser for all tests, and a chat for those that need none of their own."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.chromium import WAIT_MS, launched_browser
from tests.live.server import ChatServer


@pytest.fixture(scope="package")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    server = ChatServer(tmp_path_factory.mktemp("chat"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    with launched_browser() as browser:
        yield browser


def sign_in(chat: ChatServer, nickname: str) -> list[dict[str, Any]]:
    """Return the cookies of someone, new or known, who has signed in without a page."""
    form = {"nickname": nickname, "password": "secret"}
    answer = chat.call("POST", "/login", data=form, allow_redirects=False)
    answer.raise_for_status()
    return [
        {"name": cookie.name, "value": cookie.value, "url": chat.url, "httpOnly": True,
         "sameSite": "Lax"}
        for cookie in answer.cookies
    ]  # fmt: skip


@pytest.fixture
def open_room(chat: ChatServer, browser: Any) -> Iterator[Any]:
    """Give a function that shows the lobby to someone who is signed in."""
    contexts = []

    def open_as(nickname: str) -> Any:
        # What a service worker fetches, no test could change.
        context = browser.new_context(service_workers="block")
        contexts.append(context)
        context.add_cookies(sign_in(chat, nickname))
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.goto(chat.url + "/")
        # A page may be loaded before its script has run.
        page.wait_for_selector("html.scripted .composer")
        return page

    yield open_as
    for context in contexts:
        context.close()

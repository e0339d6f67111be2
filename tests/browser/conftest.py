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


@pytest.fixture
def open_room(chat: ChatServer, browser: Any) -> Iterator[Any]:
    """Give a function that signs someone in and shows the lobby."""
    contexts = []

    def open_as(nickname: str) -> Any:
        context = browser.new_context()
        contexts.append(context)
        # Who is there already stays as it is.
        user = {"nickname": nickname, "password": "secret"}
        chat.call("POST", "/api/users", json=user)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.goto(chat.url + "/")
        page.fill("[name=nickname]", nickname)
        page.fill("[name=password]", "secret")
        page.click("text=Sign in or register")
        page.wait_for_selector(".composer")
        return page

    yield open_as
    for context in contexts:
        context.close()

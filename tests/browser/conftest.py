"""A browser for all tests, and a chat for those that need none of their own."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.live.server import ChatServer
from tests.needs import lacking

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update",
             "--disable-sync"]  # fmt: skip
# How long a page may take, on a machine that others use too: no measurement.
WAIT_MS = 60_000


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


@contextmanager
def launched_browser() -> Iterator[Any]:
    """Run a browser for a block; until its end, asyncio cannot be used in this thread."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        lacking("Chromium", "apt-get install chromium")
    with (
        tempfile.TemporaryDirectory(prefix="ngw2f-", ignore_cleanup_errors=True),
        sync_api.sync_playwright() as playwright,
    ):
        sync_api.expect.set_options(timeout=WAIT_MS)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_room(chat: ChatServer, browser: Any) -> Iterator[Any]:
    """Give a function that signs someone in and shows the lobby."""
    contexts = []

    def open_as(nickname: str) -> Any:
        context = browser.new_context()
        contexts.append(context)
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

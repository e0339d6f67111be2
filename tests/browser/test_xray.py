"""X-ray in a browser: the panel of a page, its ladder, and the list that keeps itself fresh."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.chromium import WAIT_MS
from tests.server.server import Server, run_server
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, valkey_url: str) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("xrayed") / "var"
    with run_server(directory, path="/", XRAY="true", REDIS_URL=valkey_url) as server:
        yield server


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """Give a page that fails the test if its policy forbids something, or a script fails."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    wrong: list[str] = []
    page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield page
    assert wrong == []
    context.close()


def test_page_leads_to_its_ladder(server: Server, page: Any) -> None:
    page.goto(f"{server.address}/login")
    page.click("text=X-ray of this page")
    page.wait_for_selector("h1:has-text('GET /login')")
    assert page.text_content("p:has-text('Answered by')") == (
        "Answered by chat: it called nothing below."
    )


def test_panel_has_its_style(server: Server, page: Any) -> None:
    page.goto(f"{server.address}/login")
    style = "getComputedStyle(document.querySelector('.xray-panel')).backgroundColor"
    wait_until(lambda: page.evaluate(style) == "rgb(28, 28, 28)")


def test_list_keeps_itself_fresh(server: Server, page: Any) -> None:
    page.goto(f"{server.address}/__xray__/?path=/healthz")
    page.check("input[name=live]")
    requests.get(f"{server.address}/healthz?fresh", timeout=60)
    page.wait_for_selector("td:has-text('GET /healthz')")
    page.click("text=Filter")
    page.wait_for_url("**live=on*")
    assert page.is_checked("input[name=live]")

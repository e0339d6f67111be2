"""What axe-core says of the pages: in light and dark, wide and narrow, signed in and out."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import sign_in
from tests.browser.test_pane import PHONE, fill
from tests.chromium import WAIT_MS
from tests.live.server import ChatServer
from tests.needs import lacking

WIDE = {"width": 1280, "height": 900}
RUN = """async (rules) => {
    const runOnly = rules || { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa",
        "wcag22aa", "best-practice"] };
    const { violations } = await axe.run(document, { runOnly, resultTypes: ["violations"] });
    return violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html.slice(0, 200))]);
}"""
COLOURS = {"type": "rule", "values": ["color-contrast"]}


@pytest.fixture(scope="module")
def axe(node_modules: Path) -> str:
    path = node_modules / "axe-core/axe.min.js"
    if not path.exists():
        lacking("axe-core", "npm install axe-core@4")
    return path.read_text()


@pytest.fixture(scope="module")
def judge(axe: str) -> Callable[[Any], dict[str, Any]]:
    """Give a function that returns what is wrong with what a page shows now, by how it is seen."""

    def judge(page: Any) -> dict[str, Any]:
        page.evaluate(axe)
        found = {"as it is": page.evaluate(RUN)}
        page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        found["dark"] = page.evaluate(RUN, COLOURS)
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        return {seen: violations for seen, violations in found.items() if violations}

    return judge


@pytest.fixture(scope="module")
def pages(chat: ChatServer, browser: Any) -> Iterator[dict[str, Any]]:
    """Give a page that is signed in, and one that is not."""
    token = fill(chat, "judith", 5)
    room = chat.call("POST", "/api/rooms", token, json={"name": "court", "private": True}).json()
    for source in (
        "# A title\n\n> quoted",
        "```python\nx = '" + "long " * 80 + "'\n```",
        "@judith",
    ):
        chat.call("POST", "/api/messages", token, json={"source": source})
        chat.call("POST", f"/api/rooms/{room['id']}/messages", token, json={"source": source})
    contexts = [browser.new_context(viewport=WIDE, service_workers="block") for _ in range(2)]
    contexts[0].add_cookies(sign_in(chat, "judith"))
    found = {}
    for name, context in zip(("in", "out"), contexts, strict=True):
        found[name] = context.new_page()
        found[name].set_default_timeout(WAIT_MS)
        found[name].emulate_media(color_scheme="light", reduced_motion="reduce")
    yield found
    for context in contexts:
        context.close()


@pytest.mark.parametrize(
    ("who", "path"),
    [
        ("out", "/login"),
        ("out", "/"),
        ("out", "/search?q=title"),
        ("out", "/stats"),
        ("out", "/nowhere"),
        ("in", "/"),
        ("in", "/rooms/court"),
        ("in", "/rooms/court/details"),
        ("in", "/rooms"),
        ("in", "/inbox"),
        ("in", "/search?q=title"),
        ("in", "/account"),
        ("in", "/account/delete"),
        ("in", "/stats"),
    ],
)
def test_page(
    chat: ChatServer, pages: dict[str, Any], judge: Callable[[Any], Any], who: str, path: str
) -> None:
    page = pages[who]
    page.goto(chat.url + path)
    assert judge(page) == {}
    page.set_viewport_size(PHONE)
    narrow = judge(page)
    page.set_viewport_size(WIDE)
    assert narrow == {}


def test_files(chat: ChatServer, pages: dict[str, Any], judge: Callable[[Any], Any]) -> None:
    """Those of a message, and those to send: one is uploaded, one has failed."""
    page = pages["in"]
    page.goto(chat.url + "/")
    page.wait_for_selector("html.scripted")
    given = {"name": "plan.txt", "mimeType": "text/plain", "buffer": b"a plan"}
    page.set_input_files("#files", [given])
    page.press("#write", "Enter")
    page.locator(".message .file[title='plan.txt']").last.wait_for()
    page.route("**/files?name=late*", lambda route: route.fulfill(status=503))
    page.set_input_files("#files", [given, {**given, "name": "late.txt"}])
    page.locator("#uploads .error:not(:empty)").wait_for()
    assert judge(page) == {}
    page.set_viewport_size(PHONE)
    narrow = judge(page)
    page.set_viewport_size(WIDE)
    page.unroute("**/files?name=late*")
    assert narrow == {}


def test_message_that_a_link_leads_to(
    chat: ChatServer, pages: dict[str, Any], judge: Callable[[Any], Any]
) -> None:
    """It stands on another colour, and so does what is pale in it."""
    # The first one, which nobody's own precedes, says when it was written.
    message = chat.call("GET", "/api/messages?limit=1&after=0").json()["messages"][0]
    page = pages["in"]
    page.goto(f"{chat.url}/messages/{message['id']}")
    page.locator(f"#m{message['id']}:target").wait_for()
    assert judge(page) == {}


def test_what_is_open(chat: ChatServer, pages: dict[str, Any], judge: Callable[[Any], Any]) -> None:
    """The sheet of keys, a question, the drawer, an error."""
    page = pages["in"]
    page.goto(chat.url + "/")
    page.wait_for_selector("#connection[data-state=live]", state="attached")
    page.focus("#pane")
    page.keyboard.press("?")
    page.locator("#keys").wait_for()
    assert judge(page) == {}
    page.keyboard.press("Escape")
    page.set_viewport_size(PHONE)
    page.click(".drawer")
    page.locator(".close").wait_for()
    drawer = judge(page)
    page.set_viewport_size(WIDE)
    assert drawer == {}
    page.goto(chat.url + "/account")
    page.fill("[name=current_password]", "wrong")
    for name in ("new_password", "new_password_again"):
        page.fill(f"[name={name}]", "open barley")
    page.click("button:text-is('Change password')")
    page.locator("[role=alert]").wait_for()
    assert judge(page) == {}

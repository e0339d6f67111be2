"""Previews of links: shown as they arrive, as text, in the shape that a reload gives them."""

import threading
from collections.abc import Iterator
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from tests.browser.test_room import say
from tests.live.server import ChatServer

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

# The worker boots, fetches and renders, on a machine that others use too.
WAIT_MS = 60_000
TITLE = "<img src=x onerror=alert(1)> and a title"
DESCRIPTION = "What a page says of itself, at some length. " * 12
PAGE = (
    f'<meta property="og:title" content="{escape(TITLE)}">'
    f'<meta property="og:description" content="{escape(DESCRIPTION)}">'
    '<meta property="og:image" content="/picture.png">'
)
PHONE = {"width": 360, "height": 640}
# Its page is not there before the test says so.
HELD = "/held"


class Site(BaseHTTPRequestHandler):
    """A site whose every page names a picture, and says what it can to do harm."""

    released = threading.Event()

    def do_GET(self) -> None:
        if self.path == HELD:
            self.released.wait()
        is_picture = self.path.endswith(".png")
        body = picture() if is_picture else PAGE.encode()
        self.send_response(200)
        self.send_header("Content-Type", "image/png" if is_picture else "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Stay silent."""


def picture() -> bytes:
    output = BytesIO()
    Image.new("RGB", (640, 480), "teal").save(output, "PNG")
    return output.getvalue()


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    Site.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory, site: str) -> Iterator[ChatServer]:
    server = ChatServer(
        tmp_path_factory.mktemp("chat"), NGW2F_LINKS_ALLOW=site, NGW2F_LINKS_TIMEOUT_SECONDS="60"
    )
    server.start(queues="render,links")
    yield server
    server.stop()


def shape(preview: Any) -> Any:
    """Return what a reader sees of a preview, and how it is built."""
    script = """it => [it.href, it.rel, it.innerText, it.querySelector("img").src,
        ...[...it.children].map(each => `${each.tagName}.${each.className}`)]"""
    return preview.evaluate(script)


def test_arrives_and_stays_the_same_after_a_reload(open_room: Any, site: str) -> None:
    page = open_room("ann")
    say(page, f"look: http://{site}/one")
    preview = page.locator(".message:has-text('/one') a.preview")
    preview.wait_for(timeout=WAIT_MS)
    arrived = shape(preview)
    assert TITLE in arrived[2]
    page.reload()
    page.wait_for_selector("html.scripted")
    assert shape(preview) == arrived
    # One can fold it.
    page.locator(".message:has-text('/one') summary").click()
    preview.wait_for(state="hidden", timeout=WAIT_MS)


def test_fits_on_a_phone(open_room: Any, site: str) -> None:
    page = open_room("bob")
    page.set_viewport_size(PHONE)
    say(page, f"http://{site}/" + "long" * 60)
    preview = page.locator(".message:has-text('longlong') a.preview")
    preview.wait_for(timeout=WAIT_MS)
    box = preview.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE["width"]
    assert page.evaluate("document.scrollingElement.scrollWidth") <= PHONE["width"]


def test_what_did_not_change_stays(open_room: Any, site: str) -> None:
    page = open_room("dora")
    say(page, f"read me: http://{site}{HELD}")
    message = page.locator(".message:has-text('read me')")
    # Rendered, and with what its event alone brings.
    message.locator(".text a").wait_for(timeout=WAIT_MS)
    message.locator(".actions").wait_for(state="attached")
    message.evaluate("item => [...item.children].forEach((part) => { part.isFirst = true; })")
    Site.released.set()
    message.locator("a.preview").wait_for(timeout=WAIT_MS)
    kept = message.evaluate("item => [...item.children].map((part) => part.isFirst || false)")
    assert kept == [True, True, False]


def test_goes_with_the_link(chat: ChatServer, open_room: Any, site: str) -> None:
    page = open_room("carl")
    say(page, f"http://{site}/two")
    page.locator(".message:has-text('/two') a.preview").wait_for(timeout=WAIT_MS)
    number = page.locator(".message:has-text('/two')").get_attribute("id")[1:]
    token = chat.call("POST", "/api/tokens", auth=("carl", "secret")).json()["token"]
    chat.call("PUT", f"/api/messages/{number}", token, json={"source": "no link any more"})
    page.wait_for_selector(f"#m{number} .text:has-text('no link')")
    page.wait_for_selector(f"#m{number} .preview", state="detached")


def test_picture_is_shown_small(open_room: Any) -> None:
    page, other = open_room("ann"), open_room("bob")
    output = BytesIO()
    Image.new("RGB", (960, 640), "teal").save(output, "JPEG")
    page.set_input_files(
        "#files", [{"name": "sea.jpg", "mimeType": "image/jpeg", "buffer": output.getvalue()}]
    )
    page.press("#write", "Enter")
    for each in (page, other):
        image = each.locator(".message .file.picture img[alt='sea.jpg']")
        sync_api.expect(image).to_have_js_property("naturalWidth", 720, timeout=WAIT_MS)
        # It has its place before it is loaded, and more pixels than that on dense screens.
        assert [image.get_attribute(name) for name in ("width", "height")] == ["480", "320"]

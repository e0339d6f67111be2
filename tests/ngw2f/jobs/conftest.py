"""Sites that links lead to, on the loopback, and a worker that may fetch from there."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import msgspec
import pytest
from PIL import Image

from ngw2f.settings import Settings
from tests.ngw2f.jobs.spawned import Nursery

PAGE = '<title>Page {path}</title><meta property="og:image" content="{image}">'


class WebSite:
    """A web server that has a page at every path, and counts who asks for which.

    Paths: `/hang...` answers when the site is closed, `/gone...` with 404, `/picture...` with
    an image, `/with-picture...` with a page that names one, all others with a page.
    """

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.closing = threading.Event()
        self.picture = picture()
        self._at_once = 0
        self.most_at_once = 0
        self._lock = threading.Lock()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with site._lock:
                    site.paths.append(self.path)
                    site._at_once += 1
                    site.most_at_once = max(site.most_at_once, site._at_once)
                site._answer(self)

            def end_headers(self) -> None:
                # Whoever reads the answer may be back before this thread goes on.
                site._leave()
                super().end_headers()

            def log_message(self, *_arguments: object) -> None:
                """Stay silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.01])
        self._thread.start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _leave(self) -> None:
        with self._lock:
            self._at_once -= 1

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path
        if path.startswith("/hang"):
            self.closing.wait(60)
            self._leave()
            return
        if path.startswith("/short-hang"):
            self.closing.wait(0.2)
        status, media, body = 200, "text/html; charset=utf-8", b""
        if path.startswith("/gone"):
            status = 404
        elif path.startswith("/picture"):
            media, body = "image/png", self.picture
        else:
            image = self.url("/picture") if path.startswith("/with-picture") else ""
            body = PAGE.format(path=path, image=image).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", media)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


def picture() -> bytes:
    output = BytesIO()
    Image.new("RGB", (640, 480), "teal").save(output, "PNG")
    return output.getvalue()


@pytest.fixture
def make_site() -> Iterator[Callable[[], WebSite]]:
    sites: list[WebSite] = []

    def make() -> WebSite:
        sites.append(WebSite())
        return sites[-1]

    yield make
    for site in sites:
        site.close()


@pytest.fixture
def site(make_site: Callable[[], WebSite]) -> WebSite:
    return make_site()


@pytest.fixture(autouse=True)
def _patient_with_deputies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for each that is told to end: one that is left behind would warn, in any test."""
    monkeypatch.setattr("ngw2f.jobs.fetch_process.CLOSE_SECONDS", 60.0)


@pytest.fixture
def settings(settings: Settings, site: WebSite) -> Settings:
    """Let links lead to the site."""
    return msgspec.structs.replace(settings, links_allow=[f"127.0.0.1:{site.port}"])


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture
def _spawned(nursery: Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have fetch processes forked by another process, as a test must not fork."""
    monkeypatch.setattr("ngw2f.jobs.fetch_process.Fork", nursery.spawn)

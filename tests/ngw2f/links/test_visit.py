import json
import re
import socket
import threading
from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image

from ngw2f.links import visit as module
from ngw2f.links.guard.fetch import Fetched, Fetcher, Terms, Trace
from ngw2f.links.guard.media import Accepted
from ngw2f.links.outcome import Patience
from ngw2f.links.preview.thumbnail import Thumbnailer
from ngw2f.links.visit import PreviewFetcher, build_fetcher
from ngw2f.settings import Settings
from tests.ngw2f.conftest import PLENTY_SECONDS
from tests.ngw2f.jobs.conftest import picture
from tests.ngw2f.links.lab import Internet, Site, answer, read_request
from tests.waiting import wait_until

VIDEO = "http://example.com/video"
PAGE = b"<title>A page</title>" + b" " * 100_000


@pytest.fixture
def preview_fetcher(make_fetcher: Callable[..., Fetcher]) -> PreviewFetcher:
    return PreviewFetcher(make_fetcher(), Thumbnailer())


def dawdle(connection: socket.socket) -> None:
    """Send more of a page than is held in any case, and then nothing."""
    read_request(connection)
    connection.sendall(answer(PAGE, "Content-Length: 999999"))
    connection.recv(1)


def test_page_that_finds_no_room_is_cut(
    internet: Internet, make_fetcher: Callable[..., Fetcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_PAGES", 1)
    monkeypatch.setattr(module, "ROOM_SECONDS", 0.01)
    preview_fetcher = PreviewFetcher(make_fetcher(), Thumbnailer())
    internet.site("slow.example.com", dawdle, at="8.8.0.1")
    internet.site("example.com", answer(PAGE), at="8.8.0.2")
    slow = threading.Thread(target=preview_fetcher.visit, args=["http://slow.example.com/"])
    slow.start()
    wait_until(lambda: preview_fetcher._pages._value == 0)
    assert preview_fetcher.visit("http://example.com/").content.title == "A page"
    assert slow.is_alive()
    internet.close()
    slow.join()
    assert preview_fetcher._pages._value == 1


def test_image_that_finds_no_room_is_left_out(
    internet: Internet, make_fetcher: Callable[..., Fetcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_IMAGES", 0)
    monkeypatch.setattr(module, "ROOM_SECONDS", 0.01)
    preview_fetcher = PreviewFetcher(make_fetcher(), Thumbnailer())
    internet.site("example.com", answer(bytes(100_000), media="image/png"))
    error = preview_fetcher.visit("http://example.com/a.png").error
    assert error is not None
    assert error.reason == "there was no room for the whole body"


def test_failure_holds_nothing_that_was_read(
    internet: Internet, preview_fetcher: PreviewFetcher
) -> None:
    internet.site("example.com", answer(bytes(100_000), media="image/png"))
    error = preview_fetcher.visit("http://example.com/a.png").error
    assert error is not None
    assert (error.__traceback__, error.__cause__, error.__context__) == (None, None, None)


def test_patience_is_for_the_whole_visit(
    internet: Internet, preview_fetcher: PreviewFetcher
) -> None:
    internet.site("example.com", dawdle)
    error = preview_fetcher.visit("http://example.com/", Patience(1.0, 0.2)).error
    assert error is not None
    # What is left of it when the fetch begins.
    (seconds,) = re.findall(r"^the site took longer than (\S+) s in all$", error.reason)
    assert float(seconds) <= 0.2


def test_operator_sets_the_time_of_a_site() -> None:
    assert build_fetcher(Settings(links_timeout_seconds=3)).timeout_seconds == 3


def test_pictures_of_a_page_get_two_fifths_of_its_time(
    internet: Internet, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = b"<title>A page</title><meta property=og:image content='http://a.example.com/1.png'>"
    internet.site("example.com", answer(page), at="8.8.0.1")
    internet.site("a.example.com", answer(picture(), media="image/png"), at="8.8.0.2")
    seconds = []

    def fetch(url: str, accepted: Accepted, trace: Trace, terms: Terms) -> Fetched:
        seconds.append(terms.timeout_seconds)
        return Fetcher.fetch(fetcher, url, accepted, trace, terms)

    monkeypatch.setattr(fetcher, "fetch", fetch)
    assert PreviewFetcher(fetcher, Thumbnailer()).visit("http://example.com/").content.media_type
    assert seconds[0] == pytest.approx(PLENTY_SECONDS, abs=PLENTY_SECONDS / 2)
    assert seconds[1] == pytest.approx(0.4 * PLENTY_SECONDS)


@pytest.fixture
def provider(internet: Internet, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Site]:
    """Let a provider speak for the video, whose own page is there, too."""
    monkeypatch.setattr(
        module, "find_oembed_url", lambda url: f"http://oembed.example.com/?url={url}"
    )
    page = internet.site("example.com", answer(b"<title>The page's</title>"), at="8.8.0.1")
    internet.site("i.example.com", answer(picture(), media="image/png"), at="8.8.0.2")

    def says(body: dict[str, str] | list[object], status: str = "200 OK") -> Site:
        sent = answer(json.dumps(body).encode(), media="application/json", status=status)
        internet.site("oembed.example.com", sent, at="8.8.0.3")
        return page

    return says


def test_provider_speaks_for_its_link(
    preview_fetcher: PreviewFetcher, provider: Callable[..., Site]
) -> None:
    page = provider(
        {
            "title": "The provider's",
            "author_name": "Ann",
            "provider_name": "Videos",
            "thumbnail_url": "http://i.example.com/a.png",
        }
    )
    content = preview_fetcher.visit(VIDEO).content
    assert (content.title, content.description, content.site_name) == (
        *("The provider's", "Ann", "Videos"),
    )
    assert (content.media_type, content.width, content.height) == ("image/webp", 427, 320)
    assert page.requests == []


@pytest.mark.parametrize(
    ("body", "status"),
    [([], "200 OK"), ({"title": "It is gone"}, "404 Not Found"), ({"html": "<b>"}, "200 OK")],
    ids=["broken", "gone", "says nothing"],
)
def test_page_speaks_where_the_provider_does_not(
    preview_fetcher: PreviewFetcher,
    provider: Callable[..., Site],
    body: dict[str, str] | list[object],
    status: str,
) -> None:
    provider(body, status)
    assert preview_fetcher.visit(VIDEO).content.title == "The page's"


def test_picture_that_is_none_is_left_out(
    preview_fetcher: PreviewFetcher, provider: Callable[..., Site]
) -> None:
    provider({"title": "The provider's", "thumbnail_url": "http://oembed.example.com/"})
    content = preview_fetcher.visit(VIDEO).content
    assert (content.title, content.thumbnail) == ("The provider's", b"")


def blank(width: int, height: int) -> bytes:
    output = BytesIO()
    Image.new("RGB", (width, height)).save(output, "PNG")
    return answer(output.getvalue(), media="image/png")


USELESS = {
    "pixel": blank(1, 1),
    "spacer": blank(1, 300),
    "gone": answer(b"", status="404 Not Found", media="image/png"),
    "page": answer(b"<title>hotlink</title>"),
    "drawing": answer(b"<svg/>", media="image/svg+xml"),
    "broken": answer(b"GIF89a", media="image/gif"),
    "huge": answer(b"", "Content-Length: 99999999", media="image/png"),
}


@pytest.mark.parametrize("first", USELESS.values(), ids=USELESS)
def test_second_picture_stands_in_for_a_useless_one(
    internet: Internet, preview_fetcher: PreviewFetcher, first: bytes
) -> None:
    page = (
        b"<title>A page</title><meta property=og:image content='http://a.example.com/1.png'>"
        b"<meta property=og:image content='http://b.example.com/2.png'>"
    )
    internet.site("example.com", answer(page), at="8.8.0.1")
    internet.site("a.example.com", first, at="8.8.0.2")
    internet.site("b.example.com", answer(picture(), media="image/jpg"), at="8.8.0.3")
    content = preview_fetcher.visit("http://example.com/").content
    assert (content.title, content.media_type) == ("A page", "image/webp")
    assert (content.width, content.height) == (427, 320)


def test_picture_of_a_store_of_files_is_one(
    internet: Internet, preview_fetcher: PreviewFetcher
) -> None:
    page = b"<title>A page</title><meta property=og:image content='http://a.example.com/1'>"
    internet.site("example.com", answer(page), at="8.8.0.1")
    internet.site("a.example.com", answer(picture(), media="binary/octet-stream"), at="8.8.0.2")
    assert preview_fetcher.visit("http://example.com/").content.media_type == "image/webp"


@pytest.mark.parametrize("media", ["image/png", "binary/octet-stream", "text/plain"])
def test_picture_by_any_name_needs_the_room_of_one(
    internet: Internet,
    make_fetcher: Callable[..., Fetcher],
    monkeypatch: pytest.MonkeyPatch,
    media: str,
) -> None:
    monkeypatch.setattr(module, "MAX_IMAGES", 0)
    monkeypatch.setattr(module, "ROOM_SECONDS", 0.01)
    page = b"<title>A page</title><meta property=og:image content='http://a.example.com/1'>"
    internet.site("example.com", answer(page), at="8.8.0.1")
    # What follows a picture's end is no matter; a small one is read in any case.
    large = answer(picture() + bytes(100_000), media=media)
    internet.site("a.example.com", large, at="8.8.0.2")
    content = PreviewFetcher(make_fetcher(), Thumbnailer()).visit("http://example.com/").content
    assert (content.title, content.media_type) == ("A page", "")


def test_file_of_no_type_is_no_preview(internet: Internet, preview_fetcher: PreviewFetcher) -> None:
    internet.site("example.com", answer(picture(), media="binary/octet-stream"))
    error = preview_fetcher.visit("http://example.com/").error
    assert error is not None
    assert error.kind == "type"


@pytest.mark.parametrize(
    "sent",
    [
        answer(b"", status="404 Not Found"),
        answer(media="x/y"),
        b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n",
    ],
    ids=["gone", "type", "header"],
)
def test_log_names_the_site_and_not_the_path(
    internet: Internet,
    preview_fetcher: PreviewFetcher,
    caplog: pytest.LogCaptureFixture,
    sent: bytes,
) -> None:
    caplog.set_level("INFO")
    internet.site("example.com", sent)
    assert preview_fetcher.visit("http://example.com/secret?token=secret").error
    assert "example.com" in caplog.text
    assert "secret" not in caplog.text


def test_log_names_the_site_of_a_mistake(
    internet: Internet,
    preview_fetcher: PreviewFetcher,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "make_preview", lambda fetched: 1 // 0)
    internet.site("example.com", answer())
    assert preview_fetcher.visit("http://example.com/secret").error
    assert "making a preview failed (example.com)" in caplog.text
    assert "secret" not in caplog.text

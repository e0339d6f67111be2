import json

import pytest

from ngw2f.links.guard.errors import LinkFailed
from ngw2f.links.guard.fetch import Fetched
from ngw2f.links.guard.target import parse_target
from ngw2f.links.preview.oembed import PROVIDERS, find_oembed_url, read_oembed
from ngw2f.links.preview.page import Preview

VIDEO = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"


def fetched(answer: object) -> Fetched:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return Fetched("https://www.youtube.com/oembed", "application/json", None, body, False, 60)


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        (VIDEO, "https://www.youtube.com/oembed?"),
        ("https://youtu.be/dQw4w9WgXcQ", "https://www.youtube.com/oembed?"),
        ("https://youtu.be/dQw4w9WgXcQ?t=1", "https://www.youtube.com/oembed?"),
        ("https://vimeo.com/76979871", "https://vimeo.com/api/oembed.json?"),
        ("https://www.dailymotion.com/video/x8", "https://www.dailymotion.com/services/oembed?"),
        ("https://www.flickr.com/photos/a/1/", "https://www.flickr.com/services/oembed/?"),
        ("https://soundcloud.com/a/b", "https://soundcloud.com/oembed?"),
        ("https://open.spotify.com/intl-de/track/1", "https://open.spotify.com/oembed?"),
        ("https://www.tiktok.com/@a/video/1", "https://www.tiktok.com/oembed?"),
        ("https://www.reddit.com/r/a/comments/1/", "https://www.reddit.com/oembed?"),
        ("https://www.ted.com/talks/a", "https://www.ted.com/services/v1/oembed.json?"),
    ],
)
def test_provider_is_found(url: str, endpoint: str) -> None:
    found = find_oembed_url(url)
    assert found is not None
    assert found.startswith(endpoint)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/watch?v=1",
        "https://www.youtube.com.evil.example/watch?v=1",
        "https://evil-youtube.com/watch?v=1",
        "https://example.com/https://www.youtube.com/watch?v=1",
        "https://www.youtube.com/",
        "https://vimeo.com/about",
        "https://soundcloud.com/",
    ],
)
def test_other_link_has_no_provider(url: str) -> None:
    assert find_oembed_url(url) is None


def test_link_is_escaped_in_the_query() -> None:
    found = find_oembed_url(VIDEO + "&x=1#y")
    assert found is not None
    assert found.endswith(
        "?url=https%3A%2F%2Fwww.youtube.com%2Fwatch%3Fv%3DdQw4w9WgXcQ%26x%3D1%23y&format=json"
    )


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_endpoint_is_a_link_that_may_be_fetched(provider: object) -> None:
    target = parse_target(provider.endpoint)  # type: ignore[attr-defined]
    assert target.scheme == "https"
    assert target.url == provider.endpoint  # type: ignore[attr-defined]


def test_answer_is_read_without_its_html() -> None:
    answer = {
        "version": 1.0,
        "type": "video",
        "title": " A <b>\u202evideo",
        "author_name": "Somebody",
        "provider_name": "YouTube",
        "thumbnail_url": "https://i.ytimg.com/vi/x/hq.jpg",
        "html": "<script>alert(1)</script>",
        "width": "100%",
    }
    assert read_oembed(VIDEO, fetched(answer)) == Preview(
        VIDEO, "A <b>video", "Somebody", "YouTube", ("https://i.ytimg.com/vi/x/hq.jpg",)
    )


def test_empty_answer_gives_the_site() -> None:
    assert read_oembed(VIDEO, fetched({"title": None})) == Preview(
        VIDEO, site_name="www.youtube.com"
    )


@pytest.mark.parametrize("url", ["javascript:alert(1)", "//x/y", "data:,x", "http://u@h/"])
def test_picture_is_a_link_or_nothing(url: str) -> None:
    assert read_oembed(VIDEO, fetched({"thumbnail_url": url})).image_urls == ()


@pytest.mark.parametrize(
    "answer",
    [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"title": 1}', b'{"title": ["x"]}'],
    ids=["empty", "open", "list", "null", "bytes", "deep", "number", "nested"],
)
def test_broken_answer_fails(answer: bytes) -> None:
    with pytest.raises(LinkFailed) as caught:
        read_oembed(VIDEO, fetched(answer))
    assert caught.value.kind == "oembed"


def test_blanks_in_a_picture_are_no_fault() -> None:
    found = read_oembed(VIDEO, fetched({"thumbnail_url": " https://i.example.com/a b.png\n"}))
    assert found.image_urls == ("https://i.example.com/a%20b.png",)

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngw2f.links.guard.fetch import Fetched
from ngw2f.links.preview.page import Preview, make_preview

URL = "https://example.com/a/b"


def preview_of(page: str | bytes, media_type: str = "text/html", url: str = URL) -> Preview:
    body = page if isinstance(page, bytes) else page.encode("utf-8", "replace")
    return make_preview(Fetched(url, media_type, None, body, False, 60))


def meta(name: str, content: str, attribute: str = "property") -> str:
    return f'<meta {attribute}="{name}" content="{content}">'


def test_open_graph_is_read() -> None:
    page = (
        meta("og:title", "Title &amp; more")
        + meta("og:description", "What it is")
        + meta("og:site_name", "The Site")
        + meta("og:image", "https://cdn.example.net/i.png?a=1&amp;b=2")
    )
    assert preview_of(page) == Preview(
        URL, "Title & more", "What it is", "The Site", ("https://cdn.example.net/i.png?a=1&b=2",)
    )


def test_plain_page_is_read() -> None:
    page = "<title>\n A\n title </title><meta name=description content='About'>"
    assert preview_of(page) == Preview(URL, "A title", "About", "example.com")


TITLES = [
    meta("og:title", "best"),
    meta("twitter:title", "good", "name"),
    "<title>plain</title>",
]


@pytest.mark.parametrize(
    ("parts", "title"),
    [
        (TITLES, "best"),
        (TITLES[::-1], "best"),
        (TITLES[1:], "good"),
        (TITLES[:0:-1], "good"),
        (TITLES[2:], "plain"),
        ([meta("og:title", " "), *TITLES[1:]], "good"),
        ([meta("og:title", "\u202e"), *TITLES[1:]], "good"),
        ([meta("og:title", "first"), *TITLES], "first"),
        ([meta("OG:Title", "case", "NAME")], "case"),
        (["<svg><title>drawing</title></svg>"], ""),
        (["<title>page</title><svg><title>drawing</title></svg>"], "page"),
        (["<svg><title>drawing</title></svg><title>page</title>"], "page"),
        (["<svg viewBox='0 0 1 1'/><title>page</title>"], "page"),
        (["<svg><svg></svg><title>drawing</title></svg><title>page</title>"], "page"),
        (["<svg><title>drawing</title>", meta("x", "y"), "<title>page</title>"], "page"),
        (["</svg><title>page</title>"], "page"),
        (["<svg><script href=a /><style/><title/></svg><title>page</title>"], "page"),
        (["<svg/><script src=a /><title>script</title></script><title>page</title>"], "page"),
        (["<meta property='og:title twitter:title' content=both><title>page</title>"], "both"),
        (["<meta property=x name=og:title content=named><title>page</title>"], "named"),
        ([meta("og:title", "\u200b"), meta("og:title", "second")], "second"),
        (["<title></title><title>second</title>"], "second"),
        ([meta("og:title", "\u2800"), meta("og:title", "second")], "second"),
        (["<!-- <title>comment</title> --><title>page</title>"], "page"),
        (["<!-- <title>comment</title> --!><title>page</title>"], "page"),
        (["<math><mi><title>formula</title></mi></math><title>page</title>"], "page"),
        (["<math><svg></math><title>page</title>"], "page"),
        (["<noscript><title>no script</title></noscript><title>page</title>"], "page"),
        (["<template><title>apart</title></template><title>page</title>"], "page"),
        (
            ["<template>" * 2, "</template><title>apart</title></template><title>page</title>"],
            "page",
        ),
        (["<template>", meta("og:title", "apart"), "</template><title>page</title>"], "page"),
        (["<template>" * 1000, "</template>" * 1000, "<title>page</title>"], "page"),
        (["<script>'<title>script</title>'</script><title>page</title>"], "page"),
        (["<title>never closed"], ""),
        ([], ""),
    ],
)
def test_best_title_is_taken(parts: list[str], title: str) -> None:
    assert preview_of("".join(parts)).title == title


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


@pytest.mark.parametrize(
    "page",
    [
        f"<title>{HOSTILE}</title>",
        meta("og:title", HOSTILE.replace('"', "&quot;")),
        "<title>" + HOSTILE.replace("<", "&lt;") + "</title>",
    ],
)
def test_title_with_script_stays_text(page: str) -> None:
    assert preview_of(page).title == HOSTILE


def test_texts_are_bounded_and_clean() -> None:
    page = (
        f"<title>\u202e{'x' * 1_000_000}</title>"
        + meta("og:description", "\u2066" + "y " * 400_000)
        + meta("og:site_name", "z\0" * 10_000)
    )
    preview = preview_of(page)
    assert len(preview.title) == 200
    assert len(preview.description) == 500
    assert len(preview.site_name) == 100
    assert not set("\u202e\u2066\0") & set(preview.title + preview.description + preview.site_name)


@pytest.mark.parametrize(
    ("page", "image"),
    [
        (meta("og:image", "/i.png"), "https://example.com/i.png"),
        (meta("og:image", "i.png"), "https://example.com/a/i.png"),
        (meta("og:image", "//cdn.example.net/i.png"), "https://cdn.example.net/i.png"),
        (meta("og:image", " /i.png "), "https://example.com/i.png"),
        (meta("og:image", "\ufeff/i.png&#8203; "), "https://example.com/i.png"),
        ("<base href=/x/>" + meta("og:image", "i.png"), "https://example.com/x/i.png"),
        ("<base href='javascript:x'>" + meta("og:image", "i.png"), "https://example.com/a/i.png"),
        ("<link rel='preload image_src' href=/i.png>", "https://example.com/i.png"),
        ("<link rel=icon href=/i.png>", ""),
        (meta("og:image", "") + meta("twitter:image", "/t.png"), "https://example.com/t.png"),
        (meta("og:image", "data:image/png;base64,AA"), ""),
        (meta("og:image", "javascript:alert(1)"), ""),
        (meta("og:image", "http://user@example.com/i.png"), ""),
        (meta("og:image", "http://0x7f.1/i.png"), ""),
        (meta("og:image", "data:x") + meta("twitter:image", "/t.png"), "https://example.com/t.png"),
        (meta("og:image", "http://[::1"), ""),
        (meta("og:image", "/" + "x" * 5000), ""),
        (meta("og:image", "/a\u202eb"), ""),
    ],
)
def test_image_is_a_link_or_nothing(page: str, image: str) -> None:
    assert preview_of(page).image_urls == ((image,) if image else ())


def test_image_link_is_its_own_preview() -> None:
    url = "https://example.com/a/holiday%20%E2%80%AEgnp.png?x=/y"
    preview = preview_of(b"\x89PNG", "image/png", url)
    assert preview == Preview(url, "holiday gnp.png", "", "example.com", (url,))


def test_empty_page_is_not_worth_showing() -> None:
    assert not preview_of("<p>nothing").is_worth_showing
    assert preview_of("<title>x</title>").is_worth_showing


@pytest.mark.no_cover  # Its limit is of processor time.
@pytest.mark.parametrize("unit", ["<title>", "<meta ", "<meta property='", "<!--", "<base href=x>"])
def test_a_megabyte_takes_no_second(unit: str) -> None:
    start = time.process_time()
    preview_of(unit * (2**20 // len(unit)))
    assert time.process_time() - start < 5  # A tenth of it, or minutes.


PIECES = st.sampled_from(
    [
        "<title>",
        "</title>",
        "<meta ",
        "property=",
        "og:title",
        "og:image",
        "content=",
        "'",
        '"',
        ">",
    ]
)


@given(st.lists(PIECES | st.text(max_size=3)).map("".join) | st.binary())
def test_any_page_makes_a_preview(page: str | bytes) -> None:
    preview = preview_of(page)
    assert len(preview.title) <= 200
    assert all(url.isascii() for url in preview.image_urls)


def test_pictures_come_in_the_order_of_their_worth() -> None:
    page = (
        meta("twitter:image", "/t.png")
        + meta("og:image", "data:x")
        + meta("og:image", "/1.svg")
        + meta("og:image", "/2 .png ")
        + meta("og:image", "/1.svg")
        + meta("og:image:secure_url", "/s.png")
    )
    names = [url.rpartition("/")[2] for url in preview_of(page).image_urls]
    assert names == ["s.png", "1.svg", "2%20.png", "t.png"]


def test_pictures_are_few() -> None:
    page = "".join(meta("og:image", f"/{number}.png") for number in range(1000))
    assert len(preview_of(page).image_urls) == 4

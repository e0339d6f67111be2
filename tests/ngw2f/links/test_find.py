import gc
import logging
import time

import nh3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ngw2f.links.find import find_links


def render(source: str) -> str:
    return nh3.clean(MarkdownIt("commonmark").render(source))


CASES = {
    "none": ("plain text", []),
    "inline": ("[a](http://a.example.com)", ["http://a.example.com/"]),
    "automatic": ("<https://a.example.com/x>", ["https://a.example.com/x"]),
    "reference": ("[a][1]\n\n[1]: http://a.example.com/r", ["http://a.example.com/r"]),
    "raw html": ("<a href='http://a.example.com/'>a</a>", ["http://a.example.com/"]),
    "code span": ("`<http://a.example.com>`", []),
    "indented code": ("    <http://a.example.com>", []),
    "fenced code": ("```\n[a](http://a.example.com)\n```", []),
    "link in raw code": ("<code><a href='http://a.example.com/'>a</a></code>", []),
    "link in raw pre": ("<pre><a href='http://a.example.com/'>a</a></pre>", []),
    "after code": ("`x` <http://a.example.com>", ["http://a.example.com/"]),
    "code in a link": ("[`x`](http://a.example.com)", ["http://a.example.com/"]),
    "image": ("![a](http://a.example.com/i.png)", []),
    "linked image": (
        "[![a](http://i.example.com/)](http://a.example.com)",
        ["http://a.example.com/"],
    ),
    "same twice": (
        "<http://a.example.com> [b](HTTP://A.example.com:80/#x)",
        ["http://a.example.com/"],
    ),
    "order": (
        "<http://b.example.com> <http://a.example.com>",
        ["http://b.example.com/", "http://a.example.com/"],
    ),
    "ampersand": ("[a](http://a.example.com/?a=1&copy=2)", ["http://a.example.com/?a=1&copy=2"]),
    "relative": ("[a](/rooms/x)", []),
    "mail": ("<someone@example.com>", []),
    "script": ("[a](javascript:alert)", []),
    "refused": ("[a](http://user@a.example.com/) [b](http://0x7f.1/)", []),
}


@pytest.mark.parametrize(("source", "links"), CASES.values(), ids=CASES)
def test_links_of_markdown(source: str, links: list[str]) -> None:
    assert find_links(render(source)) == links


def test_five_links_are_enough() -> None:
    source = " ".join(f"<http://{letter}.example.com>" for letter in "aabcdefgh")
    assert find_links(render(source)) == [f"http://{letter}.example.com/" for letter in "abcde"]


def test_refused_links_do_not_use_up_the_five() -> None:
    source = "".join(f"[x](http://{each}/) " for each in range(10)) + "<http://a.example.com>"
    assert find_links(render(source)) == ["http://a.example.com/"]


def test_log_says_why_a_link_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        find_links('<a href="http://user@a.example.com/">a</a>')
    assert caplog.messages == ["Link refused: userinfo: the link holds a user name or a password"]


@pytest.mark.no_cover  # Its limit is of processor time.
def test_message_without_links_costs_little() -> None:
    html = "<p>" + "word <em>word</em> " * 500 + "</p>"
    gc.disable()  # That of all garbage costs more.
    try:
        start = time.process_time()
        for _ in range(1000):
            find_links(html)
        assert time.process_time() - start < 0.2
    finally:
        gc.enable()


@given(st.text())
def test_any_text_gives_normalised_links(html: str) -> None:
    for text in (html, f'<a href="http://{html}">'):
        links = find_links(text)
        assert len(links) <= 5
        assert len(links) == len(set(links))
        assert all(link.startswith(("http://", "https://")) for link in links)

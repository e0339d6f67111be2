import re
import time
from html import unescape

import pytest

from ngw2f.links.find import find_links
from ngw2f.text.autolinks import link_length
from ngw2f.text.markdown import MarkdownRenderer


@pytest.fixture(scope="module")
def renderer() -> MarkdownRenderer:
    return MarkdownRenderer()


@pytest.mark.parametrize(
    ("source", "link"),
    [
        ("http://a.example/x_(y)", "http://a.example/x_(y)"),
        ("see http://a.example/x_(y).", "http://a.example/x_(y)"),
        ("(see http://a.example/x)", "http://a.example/x"),
        ("(see http://a.example/x_(y))", "http://a.example/x_(y)"),
        ("(http://a.example/x_(y)), and", "http://a.example/x_(y)"),
        ("http://a.example/((x))", "http://a.example/((x))"),
        ("http://a.example/(x", "http://a.example/(x"),
        ("http://a.example/(x!)", "http://a.example/(x!)"),
        ("http://a.example/x())", "http://a.example/x()"),
        ("http://a.example/x_(y)_z", "http://a.example/x_(y)_z"),
        ("www.a.example/x_(y)", "http://www.a.example/x_(y)"),
        ("[x](http://a.example/x_(y))", "http://a.example/x_(y)"),
    ],
)
def test_link_has_the_parentheses_that_it_opens(
    renderer: MarkdownRenderer, source: str, link: str
) -> None:
    assert find_links(renderer.render(source)) == [link]


def test_text_is_the_link_and_the_rest_stays(renderer: MarkdownRenderer) -> None:
    assert renderer.render("(http://a.example/x_(y)) *b*") == (
        '<p>(<a href="http://a.example/x_(y)" rel="nofollow noopener">http://a.example/x_(y)</a>)'
        " <em>b</em></p>"
    )


def test_code_has_no_links(renderer: MarkdownRenderer) -> None:
    assert find_links(renderer.render("`http://a.example/x_(y)`")) == []


def links_of(html: str) -> list[str]:
    """Return the text of each link that leads to where its text says."""
    found = re.findall(r'<a href="([^"]*)"[^>]*>([^<]*)</a>', html)
    assert all(href.endswith(text) or "%" in href or "xn--" in href for href, text in found), html
    assert html.count("<a") == len(found)
    return [unescape(text) for _, text in found]


@pytest.mark.parametrize(
    "source",
    [
        r"CORP\user@host.example",
        r"CORP\\user@host.example",
        r"C:\Users\ann@host.example\file",
        r"\ann@a.example",
        r"user\@host.example",
        r"ann\_x@a.example",
        r"ann\.x@a.example",
        "postgres://user:pw@db.example/x",
        "ssh://git:pw@a.example",
        "äann@a.example",
        "a\u0308nn@a.example",
        "ann@a.exämple",
        "ann@bb.example.ö",
        "ann@a.examplë",
        "ann%x@a.example",
        "a&ann@a.example",
        "ann&amp;x@a.example",
        "ann*bob@a.example",
        "ann/bob@a.example",
        "a#ann@a.example",
    ],
)
def test_address_is_not_guessed(renderer: MarkdownRenderer, source: str) -> None:
    assert "<a" not in renderer.render(source)


@pytest.mark.parametrize(
    ("source", "addresses"),
    [
        ("o'brien@a.example", ["o'brien@a.example"]),
        ("'ann@a.example'", ["ann@a.example"]),
        ("x@www.a.example", ["x@www.a.example"]),
        ("www.ann@a.example", ["www.ann@a.example"]),
        ("&lt;ann@a.example&gt;", ["ann@a.example"]),
        (r"\(ann@a.example\)", ["ann@a.example"]),
        ("联系ann@a.example谢谢", ["ann@a.example"]),
        ("ติดต่อที่ann@a.example", ["ann@a.example"]),
        ("mail=ann@a.example;bob@b.example.", ["ann@a.example", "bob@b.example"]),
        ("**To:** ann@a.example", ["ann@a.example"]),
        (r"see a\\b, ann@a.example", ["ann@a.example"]),
        ("ssh://a/b ann@a.example", ["ann@a.example"]),
        ("[x](http://b/) ann@a.example", ["ann@a.example"]),
    ],
)
def test_address_is_a_link(renderer: MarkdownRenderer, source: str, addresses: list[str]) -> None:
    hrefs = re.findall('href="mailto:([^"]*)"', renderer.render(source))
    assert hrefs == addresses


@pytest.mark.parametrize(
    ("source", "links"),
    [
        ("http://a.example/x[1]", ["http://a.example/x[1]"]),
        ("(http://a.example/x[(1)]).", ["http://a.example/x[(1)]"]),
        ("[http://a.example/x], more", ["http://a.example/x"]),
        ("(http://a.example/#x().)", ["http://a.example/#x()"]),
        ("http://a.example/?x[]{}, and", ["http://a.example/?x[]{}"]),
        ("(http://a.example/x[).", ["http://a.example/x"]),
        ("http://a.example/x)))(((", ["http://a.example/x"]),
        ("[http://a.example](x", ["http://a.example"]),
        ("{http://a.example/{x}}", ["http://a.example/{x}"]),
        ('{"url":"http://a.example/x","b":1}', ["http://a.example/x"]),
        ('<a href="http://a.example/x">', ["http://a.example/x"]),
        ("&lt;http://a.example/&gt;", ["http://a.example/"]),
        ("http://a.example/?a=&lt;b&gt;", ["http://a.example/?a="]),
        ("http://a.example/&copy;", ["http://a.example/"]),
        ("http://a.example/?a=b&amp;c=d", ["http://a.example/?a=b&c=d"]),
        ("http://a.example/x,http://b.example/y", ["http://a.example/x", "http://b.example/y"]),
        ("(http://a.example/x);http://b.example/y", ["http://a.example/x", "http://b.example/y"]),
        ("http://web.a.example/2020/http://b/", ["http://web.a.example/2020/http://b/"]),
        ("http://web.a.example/*/http://b/", ["http://web.a.example/*/http://b/"]),
        ("**http://a.example/x** *b*", ["http://a.example/x"]),
        ("看http://a.example/x。看", ["http://a.example/x"]),
        ("（http://a.example/x）", ["http://a.example/x"]),
        ("「www.a.example/x」", ["www.a.example/x"]),
        ("http://a.example/हिन्दी।", ["http://a.example/हिन्दी"]),
        ("http://a.example/e\u0301.", ["http://a.example/e\u0301"]),
        ("http://a.example/ジョン・レノン、", ["http://a.example/ジョン・レノン"]),
        ("http://a.example/x…", ["http://a.example/x"]),
        ("éhttp://a.example/", []),
        ("e\u0301http://a.example/", []),
        ("ftp://www.a.example/", []),
        ("src/www.js", []),
        (r"\\www.a.example\share", []),
        ("@www.a.example", []),
    ],
)
def test_link_is_what_was_meant(renderer: MarkdownRenderer, source: str, links: list[str]) -> None:
    assert links_of(renderer.render(source)) == links


@pytest.mark.no_cover  # Its limit is of processor time.
@pytest.mark.parametrize("unit", [")", "()", "[", "&a", "\u0301", ";"])
def test_what_follows_a_link_is_looked_at_once(unit: str) -> None:
    start = time.process_time()
    assert link_length("http://a" + unit * 100_000) >= len("http://a")
    assert time.process_time() - start < 5  # A hundredth of it, or minutes.

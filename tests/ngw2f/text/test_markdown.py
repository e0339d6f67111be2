import threading
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import settings as configure
from hypothesis import strategies as st

from ngw2f.text.code_blocks import CodeRenderer
from ngw2f.text.commonmark import URL_SCHEMES
from ngw2f.text.markdown import ATTRIBUTES, TAGS, MarkdownRenderer, allowed_classes

# One for all examples: hypothesis must not make one for each.
RENDERER = MarkdownRenderer()
CLASSES = allowed_classes(CodeRenderer())


@pytest.fixture
def renderer() -> MarkdownRenderer:
    return MarkdownRenderer()


LINK = '<a href="http://example.com" rel="nofollow noopener">'


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("hello *world*", "<p>hello <em>world</em></p>"),
        ("a\nb", "<p>a<br>\nb</p>"),
        ("see http://example.com.", f"<p>see {LINK}http://example.com</a>.</p>"),
        ("[x](http://example.com)", f"<p>{LINK}x</a></p>"),
        ("<http://example.com>", f"<p>{LINK}http://example.com</a></p>"),
        ("<b>x</b>", "<p>&lt;b&gt;x&lt;/b&gt;</p>"),
        ("a & b &amp; c", "<p>a &amp; b &amp; c</p>"),
        ("`<i>`", "<p><code>&lt;i&gt;</code></p>"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
        ("3. a\n4. b", '<ol start="3">\n<li>a</li>\n<li>b</li>\n</ol>'),
        ("> a", "<blockquote>\n<p>a</p>\n</blockquote>"),
        ("# a", "<h1>a</h1>"),
    ],
)
def test_markdown(renderer: MarkdownRenderer, source: str, html: str) -> None:
    assert renderer.render(source).strip() == html


def test_table(renderer: MarkdownRenderer) -> None:
    html = renderer.render("a | b\n--|--\n1 | 2")
    assert "<th>a</th>" in html
    assert "<td>2</td>" in html


def test_columns_are_aligned(renderer: MarkdownRenderer) -> None:
    html = renderer.render("a | b | c | d\n:--|:-:|--:|--\n1 | 2 | 3 | 4")
    assert '<th class="left">a</th>\n<th class="center">b</th>\n<th class="right">c</th>' in html
    assert '<td class="left">1</td>\n<td class="center">2</td>\n<td class="right">3</td>' in html
    assert "<td>4</td>" in html


def test_code_is_highlighted(renderer: MarkdownRenderer) -> None:
    html = renderer.render("```python\nx = 1\n```")
    assert html.startswith('<div class="highlight"><pre><code class="language-python">')
    assert '<span class="mi">1</span>' in html


def test_code_of_unknown_language(renderer: MarkdownRenderer) -> None:
    assert "x = 1" in renderer.render("```nonsense\nx = 1\n```")


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<div>\n\n*a*\n\n</div>",
        "[a](javascript:alert(1))",
        "[a](JaVaScRiPt:alert(1))",
        "[a](java\nscript:alert(1))",
        "[a](&#106;avascript:alert(1))",
        "[a](data:text/html,x)",
        "[a](vbscript:x)",
        "[a]: javascript:alert(1)\n\n[a]",
        "<javascript:alert(1)>",
        '[a](http://x "onmouseover=alert(1)")',
        "[a](http://x'onmouseover=alert(1))",
        "![a](http://tracker.example/x.png)",
        "![a][b]\n\n[b]: http://tracker.example/x.png",
        '```python class="x" onclick="alert(1)"\n```',
        "```{.python onclick=alert(1)}\n```",
        "a | b\n--|--\n<script> | <img src=x>",
        "\x02wzxhzdk:0\x03",
        "<!-- a --> <?php ?> <![CDATA[x]]>",
        "&lt;script&gt;",
    ],
)
def test_nothing_dangerous(renderer: MarkdownRenderer, source: str) -> None:
    assert_safe(renderer.render(source))


def test_input_is_a_box_that_nobody_can_press(renderer: MarkdownRenderer) -> None:
    """Even if the parser lets one through."""
    hostile = "<input type=image src=x name=q formaction=/logout onfocus=alert(1) autofocus>"
    cleaned = renderer._cleaner.clean(hostile)
    assert_safe(cleaned)
    assert "checkbox" in cleaned


class Audit(HTMLParser):
    """Fail for whatever is not in the lists."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS
        allowed = ATTRIBUTES.get(tag, set()) | ({"class"} if tag in CLASSES else set())
        if tag == "input":
            allowed = {"type", "disabled", "checked"}
            assert dict(attrs).items() >= {"type": "checkbox", "disabled": ""}.items()
        for name, value in attrs:
            assert name in allowed | ({"rel"} if tag == "a" else set())
            if name == "href":
                assert (urlsplit(value).scheme or "http").lower() in URL_SCHEMES
            if name in ("start", "value"):
                assert (value or "").isdigit()
            if name == "class":
                assert set((value or "").split()) <= CLASSES[tag]
        if tag == "a":
            assert dict(attrs)["rel"] == "nofollow noopener"

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    handle_pi = unknown_decl = handle_comment

    def handle_decl(self, decl: str) -> None:
        self.handle_comment(decl)


def assert_safe(html: str) -> None:
    audit = Audit()
    audit.feed(html)
    audit.close()


pieces = st.sampled_from(
    [
        *"*_`<>[]()!#|&:\"'\\~=+-\n \t\x02\x03aé🦊",
        *("\n\n", "    ", "```", "~~~", "\n> ", "\n- ", "\n1. ", "--|--", "![", "](", "[a]: "),
        *("<script>", "</p>", "<img src=x onerror=y>", "javascript:", "data:", "onclick="),
        *("http://a.b/?c=d", "www.a.b", "&#x6a;"),
    ]
)
sources = st.lists(pieces | st.text(max_size=5), max_size=40).map("".join)


@configure(deadline=None, max_examples=300)
@given(sources)
@example("[a](\x01javascript:x)")
def test_any_source_is_safe(source: str) -> None:
    assert_safe(RENDERER.render(source))


@configure(deadline=None, max_examples=100)
@given(sources, sources)
def test_no_message_depends_on_those_before(first: str, second: str) -> None:
    RENDERER.render(first)
    assert RENDERER.render(second) == MarkdownRenderer().render(second)


def test_outside_the_main_thread_it_is_shown_as_typed(renderer: MarkdownRenderer) -> None:
    shown = []
    thread = threading.Thread(target=lambda: shown.append(renderer.render("*a*")))
    thread.start()
    thread.join()
    assert shown == ["<p>*a*</p>"]

"""What people type comes out as they mean it, and whole."""

import re

import pytest
from hypothesis import example, given
from hypothesis import settings as configure
from hypothesis import strategies as st

from ngw2f.text.markdown import MarkdownRenderer
from ngw2f.text.visible import shows_anything
from tests.ngw2f.text.words import lost_words

RENDERER = MarkdownRenderer()
BOX = '<label><input type="checkbox" disabled="">'
DONE = '<label><input type="checkbox" disabled="" checked="">'
LINK = '<a href="http://a.example/" rel="nofollow noopener">'


@pytest.fixture(scope="module")
def renderer() -> MarkdownRenderer:
    return RENDERER


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("x\n- a\n- b", "<p>x</p>\n<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
        ("x\n1. a", "<p>x</p>\n<ol>\n<li>a</li>\n</ol>"),
        ("- a\n  - b", "<ul>\n<li>a\n<ul>\n<li>b</li>\n</ul>\n</li>\n</ul>"),
        ("#1 in the charts", "<p>#1 in the charts</p>"),
        ("####### a", "<p>####### a</p>"),
        ("x\n# a\ny", "<p>x</p>\n<h1>a</h1>\n<p>y</p>"),
        ("x\n> a", "<p>x</p>\n<blockquote>\n<p>a</p>\n</blockquote>"),
        ("```\na\n\nb", "<pre><code>a\n\nb\n</code></pre>"),
        ("~~~\na\n```", "<pre><code>a\n```\n</code></pre>"),
        ("x\n```\na\n```\ny", "<p>x</p>\n<pre><code>a\n</code></pre>\n<p>y</p>"),
        ("- x\n  ```\n  a\n  ```", "<ul>\n<li>x<pre><code>a\n</code></pre>\n</li>\n</ul>"),
        ("    a", "<pre><code>a\n</code></pre>"),
        ("~~a~~ ~b~", "<p><del>a</del> ~b~</p>"),
        ("- [ ] a", f"<ul>\n<li>{BOX}a</label></li>\n</ul>"),
        ("- [x] *a*", f"<ul>\n<li>{DONE}<em>a</em></label></li>\n</ul>"),
        ("1. [X]\n   a", f"<ol>\n<li>{DONE}a</label></li>\n</ol>"),
        ("- [ ] a\n\n  b", f"<ul>\n<li>\n<p>{BOX}a</label></p>\n<p>b</p>\n</li>\n</ul>"),
        ("- [ ]\n- [ ]a\n- [y] a", "<ul>\n<li>[ ]</li>\n<li>[ ]a</li>\n<li>[y] a</li>\n</ul>"),
        ("- a [ ] b\n- \\[ ] c", "<ul>\n<li>a [ ] b</li>\n<li>[ ] c</li>\n</ul>"),
        ("[x] a", "<p>[x] a</p>"),
        ("- [x] &nbsp;", "<p>- [x] &amp;nbsp;</p>"),
        ("snake_case_name a*b*c", "<p>snake_case_name a<em>b</em>c</p>"),
        ("***a***", "<p><em><strong>a</strong></em></p>"),
        ("a\n---", "<h2>a</h2>"),
        ("![a](http://a.example/)", f"<p>{LINK}a</a></p>"),
        ("![](http://a.example/)", f"<p>{LINK}http://a.example/</a></p>"),
        ("[![a](/b.png)](http://a.example/)", f"<p>{LINK}a</a></p>"),
        ("![a][1]\n\n[1]: http://a.example/", f"<p>{LINK}a</a></p>"),
        ("[](http://a.example/)", f"<p>{LINK}http://a.example/</a></p>"),
        ("[&nbsp;](http://a.example/)", f"<p>{LINK}http://a.example/&nbsp;</a></p>"),
        ("[a](ftp://b)", "<p>[a](ftp://b)</p>"),
        ("2. a\n5. b\n6. c", '<ol start="2">\n<li>a</li>\n<li value="5">b</li>\n<li>c</li>\n</ol>'),
        ("1. a\n1. b", "<ol>\n<li>a</li>\n<li>b</li>\n</ol>"),
        ("C\n\n#\n\nmajor", "<p>C</p>\n<p>#</p>\n<p>major</p>"),
    ],
)
def test_as_people_type_it(renderer: MarkdownRenderer, source: str, html: str) -> None:
    assert renderer.render(source).strip() == html


@pytest.mark.parametrize(
    "source",
    [
        *("[INFO]: started", "[a]: /b", "[a]: http://b.example/ 'c'", "-", "1.", ">", "#", "```"),
        *("```python", "```python\n```", "&nbsp;", "&#8203;", "[]()", "![]()", "|a|\n|-|"),
        *("| |\n|-|", "`\xa0`", "\\\n", "&#x3164;", "<!-- a -->", "<p></p>", "***", "> >"),
    ],
)
def test_no_message_shows_nothing(renderer: MarkdownRenderer, source: str) -> None:
    assert shows_anything(renderer.render(source))


def test_what_would_show_nothing_is_shown_as_typed(renderer: MarkdownRenderer) -> None:
    assert renderer.render("> -\n") == "<p>&gt; -</p>"


def test_cells_beyond_a_tables_head_are_kept(renderer: MarkdownRenderer) -> None:
    html = renderer.render("|a|b|\n|-|-|\n|1|2|3|*4*|")
    assert "<td>2 | 3 | <em>4</em></td>" in html


def test_rows_beyond_a_tables_size_are_kept(renderer: MarkdownRenderer) -> None:
    html = renderer.render("|a" * 1_000 + "|\n" + "|-" * 1_000 + "|\n" + "b\n" * 10 + "last")
    assert "last" in html


@pytest.mark.parametrize("opening", ["> ", "- ", "1. "])
def test_text_below_the_deepest_level_is_kept(renderer: MarkdownRenderer, opening: str) -> None:
    html = renderer.render(opening * 200 + "deep\nafter")
    assert not lost_words("deep after", html)


NO_MARKUP = st.text(st.characters(categories=["L", "Nd"]), min_size=2, max_size=5)
MARKUP = st.sampled_from(
    [
        *("\n", "\n\n", " ", "  ", "    ", "\t", "- ", "> ", "1. ", "# ", "```", "~~~", "~~", "`"),
        *(
            "*",
            "**",
            "_",
            "[",
            "]",
            "(",
            ")",
            "](",
            "][",
            "]: ",
            "![",
            "|",
            "\n|-|\n",
            "---",
            "===",
        ),
        *("<", ">", "<b>", "\\", "!", "http://", "www.", "@", ":", "/", "  \n", '"', "'", ".", "$"),
    ]
)
SOURCES = st.lists(st.one_of(MARKUP, NO_MARKUP), max_size=40).map("".join)
# The name of a definition is no text, and where a link has it, that is not shown.
REFERENCE = re.compile(r"\]\s*\[|\]:")


@configure(deadline=None, max_examples=400)
@given(SOURCES)
@example("[a]: /b\n[c]: /d\n\n[c]")
@example("```ab cd\nef\n```")
@example("[ann]: http://a.example/\n[ann]: hi")
def test_no_word_is_lost(source: str) -> None:
    html = RENDERER.render(source)
    numbers = re.compile(r"(?<!\w)\d{1,9}[.)](?=\s|$)")  # Of lists: those are counted.
    if not REFERENCE.search(source):
        assert lost_words(numbers.sub(" ", source), html) == []


@configure(deadline=None, max_examples=400)
@given(SOURCES)
def test_no_made_up_message_shows_nothing(source: str) -> None:
    if source.strip():
        assert shows_anything(RENDERER.render(source))

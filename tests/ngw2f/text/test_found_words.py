from html import unescape

import pytest
from hypothesis import given, strategies

from ngw2f.text.found_words import TAG, mark_words
from ngw2f.text.markdown import MarkdownRenderer


@pytest.mark.parametrize(
    ("html", "marked"),
    [
        ("<p>Say hello.</p>", "<p>Say <mark>hello</mark>.</p>"),
        ("<p>HÉLLO hellos</p>", "<p><mark>HÉLLO</mark> hellos</p>"),
        ("<p>in New   York, new</p>", "<p>in <mark>New   York</mark>, new</p>"),
        # What divides a phrase is not marked, and neither is what no reader sees.
        ("<p>new <b>york</b></p>", "<p>new <b>york</b></p>"),
        ('<a title="a > hello">hello</a>', '<a title="a > hello"><mark>hello</mark></a>'),
        ("<p>&lt;hello&gt; &amp;lt; 日本語</p>", None),
        ("", ""),
    ],
)
def test_words_are_marked(html: str, marked: str | None) -> None:
    if marked is None:
        marked = "<p>&lt;<mark>hello</mark>&gt; &amp;lt; <mark>日本</mark>語</p>"
    assert mark_words(html, [("hello",), ("new", "york"), ("日", "本"), ("lt", "gt"), ()]) == marked


def test_many_phrases_are_not_compared_at_each_word() -> None:
    """A page has up to 200 messages, each of thousands of words, and is made in the event loop."""
    compared = []

    class Counted(tuple[str, ...]):
        __slots__ = ()
        __hash__ = tuple.__hash__

        def __eq__(self, other: object) -> bool:
            compared.append(other)
            return tuple(self) == other

    phrases = [Counted(("a", f"w{number}")) for number in range(32)]
    assert mark_words("a " * 1000 + "a w3", phrases) == "a " * 1000 + "<mark>a w3</mark>"
    assert len(compared) < 10


def test_longest_phrase_that_fits_is_marked() -> None:
    phrases = [("a",), ("a", "b"), ("a", "b", "c")]
    marked = "<mark>a b c</mark> <mark>a</mark> <mark>a b</mark>"
    assert mark_words("a b c a a b", phrases) == marked


def test_nothing_is_marked_for_a_search_by_author() -> None:
    assert mark_words("<p>a &nbsp;</p>", []) == "<p>a &nbsp;</p>"


RENDERER = MarkdownRenderer()


@given(strategies.text(alphabet=strategies.sampled_from("ab<>&\"'`*[]() \n"), max_size=60))
def test_marking_adds_marks_only(source: str) -> None:
    """What a browser makes of it has the same tags and texts, but for the marks."""
    html = RENDERER.render(source)
    marked = mark_words(html, [("a",), ("b", "a"), ("b", "a", "b")])
    bare = marked.replace("<mark>", "").replace("</mark>", "")
    assert TAG.findall(bare) == TAG.findall(html)
    assert list(map(unescape, TAG.split(bare))) == list(map(unescape, TAG.split(html)))

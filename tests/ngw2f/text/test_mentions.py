"""Whom the text of a message may mention, and what is marked of it."""

import time

import pytest

from ngw2f.text.markdown import MarkdownRenderer
from ngw2f.text.mentions import MAX_MENTIONS, find_names, mark_mentions

KNOWN = {"ann": 1, "ann lee": 2, "o'neil & co.": 3, "\u674e": 4, "room": 0, "zo\u00eb": 5}


def marked(source: str) -> tuple[list[str], set[int]]:
    """Return what is marked in a message, and who is mentioned, as the worker does it."""
    html = MarkdownRenderer().render(source)
    known = {name: KNOWN[name] for name in find_names(html) if name in KNOWN}
    shown, whom = mark_mentions(html, known)
    # Nothing else has changed.
    pieces = shown.split('<span class="mention">')
    assert "".join(piece.replace("</span>", "", 1) for piece in pieces[1:]) in html
    return [piece.partition("</span>")[0] for piece in pieces[1:]], whom


@pytest.mark.parametrize(
    ("source", "names", "whom"),
    [
        ("@ann", ["@ann"], {1}),
        ("hello @Ann, and @ANN!", ["@Ann", "@ANN"], {1}),
        ("@ann lee is here", ["@ann lee"], {2}),
        ("@ann leeds", ["@ann"], {1}),
        ("(@ann)", ["@ann"], {1}),
        ("@o'neil & co. too", ["@o'neil &amp; co."], {3}),
        ("@\u674e\uff0c\u4f60\u597d", ["@\u674e"], {4}),
        ("@Zoe\u0308", ["@Zoe\u0308"], {5}),
        ("**@ann** and *@room*", ["@ann", "@room"], {0, 1}),
        ("@ann@room", ["@ann"], {1}),
        ("mail ann@ann.example", [], set()),
        ("@annie, @ann_b, @ann-b", [], set()),
        ("@ ann, @", [], set()),
        ("`@ann` and\n\n    @ann\n", [], set()),
        ("[@ann](http://a.example/)", [], set()),
        ("<b>@ann</b>", ["@ann"], {1}),
        ("@nobody", [], set()),
    ],
)
def test_mentions(source: str, names: list[str], whom: set[int]) -> None:
    assert marked(source) == (names, whom)


def test_only_so_many_count() -> None:
    html = MarkdownRenderer().render("@ann " * (MAX_MENTIONS + 5))
    assert mark_mentions(html, KNOWN)[0].count("mention") == MAX_MENTIONS


def test_value_of_an_attribute_is_no_text() -> None:
    html = '<p><span title="> @ann <">x</span></p>'
    assert find_names(html) == []
    assert mark_mentions(html + "@", KNOWN) == (html + "@", set())


@pytest.mark.parametrize("source", ["@" * 9_000, "@a " * 3_000, "@" + "a b " * 2_000])
def test_hostile_text_takes_no_time(source: str) -> None:
    html = MarkdownRenderer().render(source)
    began_at = time.process_time()
    mark_mentions(html, dict.fromkeys(find_names(html), 1))
    # A message as long as this takes some milliseconds; it would take minutes if it were squared.
    assert time.process_time() - began_at < 5

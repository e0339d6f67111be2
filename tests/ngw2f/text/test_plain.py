from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngw2f.text.plain import InvalidTextError, check_source, plain_html


@pytest.mark.parametrize("source", ["a", "a\tb\nc", "a\u2028b", "\ufffd", "🦊", "x" * 10])
def test_source(source: str) -> None:
    assert check_source(source, 10) == source


@pytest.mark.parametrize("source", ["a\r\nb", "a\rb", "a\nb"])
def test_line_ends(source: str) -> None:
    assert check_source(source, 10) == "a\nb"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("", "empty"),
        (" \n\t\u3000", "empty"),
        ("\u200b", "empty"),
        ("\u2800 \u3164\ufe0f", "empty"),
        ("x" * 11, "at most 10"),
        ("a\0", "control"),
        ("\x1b[2J", "control"),
        ("a\x7f", "control"),
        ("a\x85b", "control"),
        ("\ud800", "surrogate"),
    ],
)
def test_source_refused(source: str, reason: str) -> None:
    with pytest.raises(InvalidTextError, match=reason):
        check_source(source, 10)


def test_length_is_of_what_is_stored() -> None:
    assert check_source("\r\n" * 9 + "x", 10)


class Text(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[str] = []
        self.feed(html)
        self.close()

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_plain_html_shows_the_source(source: str) -> None:
    shown = Text(plain_html(source))
    assert shown.text == source
    assert set(shown.tags) <= {"p", "br"}

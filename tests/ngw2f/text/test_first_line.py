import pytest

from ngw2f.text.first_line import MAX_CHARACTERS, READ_CHARACTERS, first_line_of
from ngw2f.text.markdown import MarkdownRenderer


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("one\ntwo", "one"),
        ("**a** *b* `c` ~~d~~", "a b c d"),
        ("a &amp; <b> & c", "a & <b> & c"),
        ("# Title\n\ntext", "Title"),
        ("```python\nx = 1\ny = 2\n```", "x = 1"),
        ("- item\n- other", "item"),
        ("> quoted\n\nsaid", "quoted"),
        ("| a | b |\n|---|---|\n| c | d |", "a"),
        ('[link](http://example.com/?a="b") now', "link now"),
        ("a   b\t c", "a b c"),
    ],
)
def test_of_markdown(source: str, line: str) -> None:
    assert first_line_of(MarkdownRenderer().render(source)) == line


def test_of_nothing() -> None:
    assert first_line_of("") == first_line_of("<hr>\n") == ""


def test_long_line_ends_with_an_ellipsis() -> None:
    assert first_line_of("<p>" + "a" * MAX_CHARACTERS) == "a" * MAX_CHARACTERS
    assert first_line_of("<p>" + "a" * 999) == "a" * (MAX_CHARACTERS - 1) + "…"


def test_tag_that_is_cut_off_is_no_text() -> None:
    html = "<p>" + "<b></b>" * (READ_CHARACTERS // 7) + '<a href="http://example.com/">end</a>'
    assert "href" not in first_line_of(html)

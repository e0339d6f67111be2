import pytest

from ngw2f.text.visible import is_visible, shows_anything

UNSEEN = (
    " \t\n\xa0\xad\u034f\u115f\u180e\u200b\u200d\u2028\u2060\u2800\u3000\u3164\ufe0f\ufeff\uffa0"
)
BLANKS = "\U00013430\U00013441\U00013442\U00016fe4\U0001d159"


@pytest.mark.parametrize("text", ["", *UNSEEN, UNSEEN, "\U000e0041", "\U000e0100", *BLANKS])
def test_unseen(text: str) -> None:
    assert not is_visible(text)


@pytest.mark.parametrize("text", ["a", ".", "é", "🦊", "한", "\u0301", UNSEEN + "a"])
def test_seen(text: str) -> None:
    assert is_visible(text)


@pytest.mark.parametrize(
    "html", ["", "<p></p>", "<p>&nbsp;</p>", '<a href="a">\u200b</a>', "<ul>\n<li> </li>\n</ul>"]
)
def test_html_that_shows_nothing(html: str) -> None:
    assert not shows_anything(html)


@pytest.mark.parametrize("html", ["<hr>", "<p>a</p>", "<p>&amp;</p>", "<p>&nbsp;<b>a</b></p>"])
def test_html_that_shows_something(html: str) -> None:
    assert shows_anything(html)

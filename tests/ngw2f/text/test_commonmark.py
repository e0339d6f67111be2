from collections.abc import Callable

import pytest

from ngw2f.text.code_blocks import CodeRenderer
from ngw2f.text.commonmark import MAX_CELLS, build_parser, may_link


@pytest.fixture(scope="module")
def render() -> Callable[[str], str]:
    parser = build_parser(CodeRenderer())

    def render(source: str) -> str:
        html: str = parser.render(source, {"shown": set(), "used": set()})
        return html.strip()

    return render


@pytest.mark.parametrize("url", ["http://a", "HTTPS://a", "mailto:a@b", "/a", "#a", "a", "", "//a"])
def test_links_lead_there(url: str) -> None:
    assert may_link(url)


@pytest.mark.parametrize(
    "url", ["javascript:a", "data:a", "ftp://a", "a:b", "a+b-c.d:", "VBScript:"]
)
def test_links_do_not_lead_there(url: str) -> None:
    assert not may_link(url)


def test_quotes_have_a_depth(render: Callable[[str], str]) -> None:
    html = render("> " * 30 + "a")
    assert html.count("<blockquote>") == 18
    assert "&gt; " * 11 + "&gt; a" in html


def test_lists_have_a_depth(render: Callable[[str], str]) -> None:
    assert render("- " * 30 + "a").count("<ul>") == 9


def test_image_in_a_links_text_is_its_text(render: Callable[[str], str]) -> None:
    assert render("[a ![b](/c) d](/e)") == '<p><a href="/e">a b d</a></p>'


def test_image_without_text_in_a_links_text(render: Callable[[str], str]) -> None:
    assert render("[a ![](/c)](/e)") == '<p><a href="/e">a /c</a></p>'


def test_image_after_text(render: Callable[[str], str]) -> None:
    assert render("a ![b](/c)") == '<p>a <a href="/c">b</a></p>'


def test_no_image_is_text(render: Callable[[str], str]) -> None:
    assert render("a ![b] !") == "<p>a ![b] !</p>"


def test_link_without_text_and_target(render: Callable[[str], str]) -> None:
    assert render("[](<> 'title') [x](y)").startswith('<p><a href="" title="title">title</a>')


def test_table_has_a_size(render: Callable[[str], str]) -> None:
    columns, rows = 100, 100
    html = render("|a" * columns + "|\n" + "|-" * columns + "|\n" + "row\n" * rows)
    assert html.count("<td>") <= MAX_CELLS
    assert html.count("row") == rows


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [
        ([1, 2, 3], [None, None, None]),
        ([1, 1, 1], [None, None, None]),
        ([1, 3, 4], [None, 3, None]),
        ([3, 2, 1], [None, 2, 1]),
        ([2, 5, 5], [None, 5, None]),
    ],
)
def test_numbers_that_do_not_follow(
    render: Callable[[str], str], numbers: list[int], shown: list[int | None]
) -> None:
    html = render("\n".join(f"{number}. a" for number in numbers))
    items = [f'<li value="{number}">' if number else "<li>" for number in shown]
    assert html.split("\n")[1:-1] == [f"{item}a</li>" for item in items]

import pytest

from ngw2f.text.links import find_links
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
        ("http://a.example/(x!)", "http://a.example/(x"),
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

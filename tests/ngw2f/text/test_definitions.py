from collections.abc import Callable

import pytest
from markdown_it import MarkdownIt

from ngw2f.text.code_blocks import CodeRenderer
from ngw2f.text.commonmark import build_parser
from ngw2f.text.definitions import TooLongError, parse_defined


@pytest.fixture(scope="module")
def parser() -> MarkdownIt:
    return build_parser(CodeRenderer())


@pytest.fixture
def render(parser: MarkdownIt) -> Callable[[str], str]:
    def render(source: str) -> str:
        tokens, environment = parse_defined(parser, source)
        html: str = parser.renderer.render(tokens, parser.options, environment)
        return html.strip()

    return render


@pytest.mark.parametrize(
    "source",
    [
        "[a]\n\n[a]: http://b.example/",
        "[a]: http://b.example/\n\n[a]",
        "[a][]\n\n[A]:\n  http://b.example/",
        "[a]\n\n[a]: <http://b.example/>",
    ],
)
def test_definition_that_a_link_uses(render: Callable[[str], str], source: str) -> None:
    assert render(source) == '<p><a href="http://b.example/">a</a></p>'


@pytest.mark.parametrize("target", ["/b", "./b", "../b", "#b", "mailto:a@b.example", "HTTPS://b"])
def test_definition_of_a_url(render: Callable[[str], str], target: str) -> None:
    assert render(f"[a]\n\n[a]: {target}").count("<p>") == 1


@pytest.mark.parametrize(
    "source",
    [
        "[INFO]: started",
        "[INFO]: started\n[WARN]: stopped",
        "one\n[INFO]: started\ntwo",
        "[INFO]: started\ntwo",
        "[INFO]: ...\n[INFO]: done",
        "[a]: /b",
        "[a]: /b 'title'",
        "[a]:\n/b",
        "[a]: <>",
        "[a]: javascript:x",
        "[ann]: /shrug\n[ann]: hello there",
    ],
)
def test_other_definitions_are_text(render: Callable[[str], str], source: str) -> None:
    lines = source.replace("<>", "&lt;&gt;").replace("\n", "<br>\n")
    assert render(source) == f"<p>{lines}</p>"


def test_word_for_which_no_url_is_given_is_no_link(render: Callable[[str], str]) -> None:
    assert render("[INFO]: started\n\nsee [INFO]") == "<p>[INFO]: started</p>\n<p>see [INFO]</p>"


def test_second_definition_of_a_name_is_text(render: Callable[[str], str]) -> None:
    assert render("[a]\n\n[a]: /b\n[a]: /c") == '<p><a href="/b">a</a></p>\n<p>[a]: /c</p>'


def test_unused_definition_before_a_used_one(render: Callable[[str], str]) -> None:
    html = render("[a]: /b\n[c]: /d\n\n[c]")
    assert html == '<p>[a]: /b</p>\n<p><a href="/d">c</a></p>'


def test_definition_whose_use_is_lost_with_others_is_text(render: Callable[[str], str]) -> None:
    """Shown, the first one opens code that hides the second one's use."""
    source = "[a]: /b`\n[c]: /d\n\nx `[c]`"
    assert "[c]: /d" in render(source)


def test_definition_in_a_quote(render: Callable[[str], str]) -> None:
    assert "[a]: /b" in render("> [a]: /b")


def test_image_by_definition(render: Callable[[str], str]) -> None:
    assert render("![x][a]\n\n[a]: /b") == '<p><a href="/b">x</a></p>'


def test_one_long_url_for_many_links(parser: MarkdownIt) -> None:
    with pytest.raises(TooLongError):
        parse_defined(parser, "[a]: /" + "b" * 5_000 + "\n\n" + "[a]" * 1_000)


def test_definitions_that_hide_each_other_end(parser: MarkdownIt) -> None:
    """Each try finds one more that nobody uses: after some, none is one."""
    source = "".join(f"[a{number}]: /b '[a{number + 1}]'\n\n" for number in range(100))
    _, environment = parse_defined(parser, source)
    assert "references" not in environment

import json
import re
from collections.abc import Callable

import pytest

from ngw2f.text.markdown import MarkdownRenderer
from ngw2f.text.visible import shows_anything
from tests.commonmark.report import PAGE, RESULTS, measure, table
from tests.commonmark.spec import PACKAGE, Example, find_spec, normalized, read_examples
from tests.needs import lacking
from tests.ngw2f.text.words import lost_words

# The address of an image in the text of a link: there is one link, and it leads elsewhere.
LOSE_AN_ADDRESS = {517, 531}
# What is no text: the name by which a link has its definition, and the numbers of lists.
NAME = re.compile(r"(?<=\])\[(?:[^\[\]\\]|\\.)*\]")
DEFINITION = re.compile(r"^ *\[(?:[^\[\]\\]|\\.)+\]:", re.MULTILINE)
NUMBER = re.compile(r"(?:^|(?<=[->] ))[ >]*\d{1,9}[.)](?=\s)", re.MULTILINE)
ENTITY = re.compile(r"&#?\w+;")


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    path = find_spec(tmp_path_factory.mktemp("commonmark"))
    if path is None:
        lacking("CommonMark's examples", f"npm install {PACKAGE}, or set COMMONMARK_SPEC_DIR")
    return read_examples(path)


@pytest.fixture(scope="module")
def render() -> Callable[[str], str]:
    return MarkdownRenderer().render


def test_what_differs_is_what_the_results_say(examples: list[Example]) -> None:
    results = json.loads(RESULTS.read_text())
    differences, unexplained = measure(examples)
    assert unexplained == []
    assert {"total": len(examples), "differs": differences} == results


def test_page_is_what_the_results_say() -> None:
    results = json.loads(RESULTS.read_text())
    assert PAGE.read_text().endswith(table(results["total"], results["differs"]))


def test_no_line_is_lost(examples: list[Example], render: Callable[[str], str]) -> None:
    lost = {}
    for example in examples:
        html = render(example.source)
        source = NUMBER.sub(" ", ENTITY.sub(" ", NAME.sub("", example.source)))
        # A link may have the name that the definition gives, in capitals, say.
        source = DEFINITION.sub("", source) if "<a " in html else source
        if words := lost_words(source, html):
            lost[example.number] = words
    assert set(lost) == LOSE_AN_ADDRESS, lost


def test_no_example_shows_nothing(examples: list[Example], render: Callable[[str], str]) -> None:
    for example in examples:
        assert shows_anything(render(example.source)), example.number


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("<p>a\n b</p>", "<p>a b</p>\n"),
        ("<ul> <li>a </li></ul>", "<ul><li>a</li></ul>"),
        ('<a title="b" href="c">', '<a href="c" title="b">'),
        ("<br />a", "<br>\na"),
        ("&quot;", '"'),
    ],
)
def test_same_html(one: str, other: str) -> None:
    assert normalized(one) == normalized(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("<pre>a  b</pre>", "<pre>a b</pre>"), ("<p>a</p>", "<p>b</p>"), ("<a>", "<a href>")],
)
def test_other_html(one: str, other: str) -> None:
    assert normalized(one) != normalized(other)

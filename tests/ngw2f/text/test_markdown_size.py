"""How long the HTML of a message may be."""

import pytest
from hypothesis import given
from hypothesis import settings as configure
from hypothesis import strategies as st

from ngw2f.text import markdown as module
from ngw2f.text.markdown import MAX_RATIO, MAX_SMALL_CHARACTERS, MarkdownRenderer, is_short
from ngw2f.text.plain import plain_html
from tests.ngw2f.text.slow import REPEATED

RENDERER = MarkdownRenderer()


@pytest.fixture
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a slow machine colour long code, too."""
    monkeypatch.setattr(module, "MAX_SECONDS", 60)


@configure(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from(REPEATED), min_size=1, max_size=4), st.integers(1, 10_000))
def test_no_made_up_message_becomes_long(parts: list[str], length: int) -> None:
    source = ("".join(parts) * length)[:length]
    assert is_short(RENDERER.render(source), source)


@pytest.mark.usefixtures("_unhurried")
def test_long_code_loses_its_colours_first() -> None:
    source = "```python\n" + "x=a+b\n" * 1_600
    html = RENDERER.render(source)
    assert html.startswith('<div class="highlight"><pre><code class="language-python">x=a+b\n')
    assert "<span" not in html


@pytest.mark.usefixtures("_unhurried")
def test_long_table_loses_its_alignment_first() -> None:
    source = "a | b\n-:|-:\n" + "1 | 2\n" * 1_300
    html = RENDERER.render(source)
    assert html.startswith("<table>")
    assert html.count("<td>1</td>") == 1_300
    assert "class" not in html


@pytest.mark.usefixtures("_unhurried")
def test_code_has_its_colours_again_after_a_long_one() -> None:
    RENDERER.render("```python\n" + "x=a+b\n" * 1_600)
    assert "<span" in RENDERER.render("```python\nx=a+b")


def test_what_is_still_too_long_is_shown_as_typed() -> None:
    source = "www.a " * 1_600
    assert RENDERER.render(source) == plain_html(source)


@pytest.mark.usefixtures("_unhurried")
def test_short_messages_may_have_more() -> None:
    source = "```python\n" + "x=1\n" * 20
    assert MAX_RATIO * len(source) < len(RENDERER.render(source)) < MAX_SMALL_CHARACTERS

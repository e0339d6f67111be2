from collections.abc import Callable
from typing import cast

import pytest
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML

from ngw2f.text.code_blocks import CodeRenderer


@pytest.fixture
def code() -> CodeRenderer:
    return CodeRenderer()


@pytest.fixture
def render(code: CodeRenderer) -> Callable[[str], str]:
    parser = MarkdownIt("commonmark")
    rules = cast(dict[str, Callable[..., str]], cast(RendererHTML, parser.renderer).rules)
    rules["fence"] = code.fence
    return lambda source: parser.render(source).strip()


@pytest.mark.parametrize("name", ["python", "Python", "PY", "c++", "c#"])
def test_language_colours(render: Callable[[str], str], name: str) -> None:
    html = render(f"```{name}\nx = 1\n```")
    assert f'class="language-{name.lower()}"' in html
    assert "<span" in html
    assert html.count(name.lower()) == 1


@pytest.mark.parametrize(
    "info", ["nonsense", "text on the first line", "hello", ";", "<b>", "python title=x", "a\tb"]
)
def test_what_is_no_language_is_shown(render: Callable[[str], str], info: str) -> None:
    shown = info.replace("<b>", "&lt;b&gt;")
    assert f">{shown}\n" in render(f"```{info}\nx\n```")


def test_language_without_code_is_shown(render: Callable[[str], str]) -> None:
    assert ">python\n</code>" in render("```python\n```")


def test_blank_lines_of_code_stay(render: Callable[[str], str]) -> None:
    assert "\n\n<span" in render("```python\n\n\nx = 1\n```").replace('">', "\n", 1)


def test_no_colours(render: Callable[[str], str], code: CodeRenderer) -> None:
    code.colours = False
    html = (
        '<div class="highlight"><pre><code class="language-python">x = "&lt;"\n</code></pre></div>'
    )
    assert render('```python\nx = "<"\n```') == html.replace('"&lt;"', "&quot;&lt;&quot;")


def test_code_that_nobody_closes_ends_with_its_line(render: Callable[[str], str]) -> None:
    assert render("```\na") == "<pre><code>a\n</code></pre>"

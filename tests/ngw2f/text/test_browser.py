"""What the renderer gives out, loaded in a real browser: no script runs, nothing is asked for."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ngw2f.text.markdown import MarkdownRenderer
from tests.chromium import WAIT_MS, launched_browser
from tests.ngw2f.text.xss import CASES

EVENTS = ["click", "mouseover", "mouseenter", "focus", "pointerover", "toggle", "error", "load"]
# Do all that a reader could do to every element, but leave the page by an honest link.
PROVOKE = """(events) => {
  const leaves = (element) => ["http:", "https:", "mailto:"].includes(element.protocol);
  document.addEventListener("click", (event) => {
    if (event.target.closest("a") && leaves(event.target.closest("a"))) event.preventDefault();
  });
  for (const element of document.querySelectorAll("*")) {
    for (const name of events) element.dispatchEvent(new Event(name, {bubbles: false}));
    if (element.focus) element.focus();
    if (element.click) element.click();
  }
}"""
ADDRESS = "http://chat.example/"
PARTS = st.sampled_from(
    [
        *("<", ">", '"', "'", "`", "```", "[", "]", "(", ")", "![", "](", "\\", "&", "#", "*", "_"),
        *(
            "\n",
            "\n\n",
            "    ",
            "\t",
            " ",
            "|",
            "---",
            "- ",
            "> ",
            "1. ",
            "~~",
            ":",
            "//",
            "=",
            "\0",
        ),
        *("<script>", "</script>", "<img src=x onerror=canary()>", "<svg/onload=canary()>"),
        *("javascript:canary()", "data:text/html,", "onmouseover=canary() ", '" onfocus="canary()'),
        *(
            "<a href=",
            "<style>",
            "<!--",
            "-->",
            "<![CDATA[",
            "&#x6a;",
            "&colon;",
            "http://a.example/",
        ),
        *("canary()", "html", "\x02", "\x03", "klzzwxh:0001", "wzxhzdk:0", "{", "}", "[1]: "),
    ]
)
SOURCES = st.lists(st.one_of(PARTS, st.text(max_size=3)), max_size=25).map("".join)

Provoke = Callable[[str], list[str]]


@pytest.fixture(scope="module")
def provoke() -> Iterator[Provoke]:
    """Return what loads HTML, does all that a reader could, and returns what then happened."""
    with launched_browser() as browser:
        page = browser.new_page()
        page.set_default_timeout(WAIT_MS)
        happened: list[str] = []
        page.expose_function("canary", lambda *_arguments: happened.append("a script ran"))

        def dismiss(dialog: Any) -> None:
            happened.append("a dialog")
            dialog.dismiss()

        page.on("dialog", dismiss)

        shown = [""]

        def answer(route: Any) -> None:
            if route.request.url == ADDRESS:
                route.fulfill(body=f"<!doctype html>{shown[0]}", content_type="text/html")
                return
            happened.append(f"asked for {route.request.url}")
            route.abort()

        page.route("**/*", answer)

        def load(html: str) -> list[str]:
            happened.clear()
            shown[0] = html
            page.goto(ADDRESS)
            page.evaluate(PROVOKE, EVENTS)
            # What was called in the page has arrived here when this has.
            page.evaluate("1")
            return list(happened)

        yield load


@pytest.fixture(scope="module")
def render() -> Callable[[str], str]:
    return MarkdownRenderer().render


@pytest.mark.parametrize(
    "html",
    [
        "<script>canary()</script>",
        "<svg onload=canary()>",
        "<a href='javascript:canary()'>a</a>",
        "<p onmouseover=canary()>a",
        "<img src=http://a.example/>",
        "<body onload='alert()'>",
    ],
)
def test_canary_sings_without_sanitizer(provoke: Provoke, html: str) -> None:
    assert provoke(html)


@pytest.mark.parametrize("source", CASES)
def test_owasp_case_runs_nothing(
    provoke: Provoke, render: Callable[[str], str], source: str
) -> None:
    assert provoke(render(source)) == []


# A page with one message takes as long as one with five.
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(sources=st.lists(SOURCES, min_size=5, max_size=5))
def test_made_up_markdown_runs_nothing(
    provoke: Provoke, render: Callable[[str], str], sources: list[str]
) -> None:
    assert provoke("".join(f"<div>{render(source)}</div>" for source in sources)) == []

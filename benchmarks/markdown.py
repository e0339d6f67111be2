"""Processor time for one message: the chat's renderer, and Python-Markdown with nh3.

Run: python -m benchmarks.markdown
"""

import time
from collections.abc import Callable

import markdown
import nh3

from ngw2f.text.markdown import ATTRIBUTES, TAGS, MarkdownRenderer

ROUNDS = 5
REPETITIONS = 400
MESSAGES = {
    "a line": "hello *world* http://example.com",
    "a paragraph": (
        "A **paragraph** with `code`, a [link](http://example.com/x), and text that goes on.\n"
        "Second line, with more _emphasis_ here.\n"
    ),
    "two lists": "- one\n- two\n- three *x*\n\n1. a\n2. b\n",
    "plain words": "just some words that people type in a chat, nothing else at all",
    "code": "```python\ndef f(x):\n    return x + 1\n```\n",
}
# The configuration nearest to what the chat shows.
EXTENSIONS = ["nl2br", "sane_lists", "tables", "fenced_code", "codehilite"]


def main() -> None:
    chat = MarkdownRenderer()
    built = markdown.Markdown(extensions=EXTENSIONS, output_format="html")
    cleaner = nh3.Cleaner(tags=TAGS, attributes=ATTRIBUTES, link_rel="nofollow noopener")

    def render_by_python_markdown(source: str) -> str:
        return cleaner.clean(built.reset().convert(source))

    print(f"{'µs of processor time':24}{'the chat':>12}{'Python-Markdown':>18}")
    for name, source in MESSAGES.items():
        seconds = [best(chat.render, source), best(render_by_python_markdown, source)]
        print(f"{name:24}{seconds[0] * 1e6:12.0f}{seconds[1] * 1e6:18.0f}")


def best(render: Callable[[str], str], source: str) -> float:
    """Return the seconds for one message in the best round."""
    return min(_round(render, source) for _ in range(ROUNDS)) / REPETITIONS


def _round(render: Callable[[str], str], source: str) -> float:
    start = time.process_time()
    for _ in range(REPETITIONS):
        render(source)
    return time.process_time() - start


if __name__ == "__main__":
    main()

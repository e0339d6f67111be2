"""Markdown to safe HTML.

Two walls: Python-Markdown is told to leave raw HTML alone, so that it comes out
as text; and whatever comes out passes nh3, which keeps only the tags, attributes
and URL schemes below. The second one holds even if the first has a hole.
"""

import gc
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import markdown
import nh3
from pygments.token import STANDARD_TYPES

from ngw2f.text.autolinks import complete_links
from ngw2f.text.plain import plain_html

# Markdown's own time grows with the square of some inputs (ten thousand opening
# brackets take ten seconds); ordinary messages take less than a millisecond. These are
# seconds of processor time.
MAX_SECONDS = 0.25

TAGS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "code", "div"),
    *("span", "em", "strong", "del", "a", "ul", "ol", "li"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
CLASSES = {"div": {"highlight"}, "span": {name for name in STANDARD_TYPES.values() if name}}
URL_SCHEMES = {"http", "https", "mailto"}

EXTENSIONS: dict[str, dict[str, object]] = {
    # A line's end is a line's end, as people expect of a chat.
    "nl2br": {},
    "sane_lists": {},
    "tables": {},
    # Bare links become links.
    "pymdownx.magiclink": {},
    # Fenced code, in lists too, coloured by Pygments as the fence names it.
    "pymdownx.superfences": {"css_class": "highlight"},
    "pymdownx.highlight": {"guess_lang": False},
}
# Raw HTML in two places; images, which would tell a stranger's server who reads.
LEFT_OUT = ("html", "image_link", "image_reference", "short_image_ref")


class MarkdownRenderer:
    """Render messages, one at a time; making one costs some milliseconds, so keep it."""

    def __init__(self) -> None:
        self._markdown = _build_markdown()
        self._cleaner = nh3.Cleaner(
            tags=TAGS,
            attributes=ATTRIBUTES,
            allowed_classes=CLASSES,
            url_schemes=URL_SCHEMES,
            link_rel="nofollow noopener",
        )

    def render(self, source: str) -> str:
        """Return *source* as safe HTML; as it was typed where Markdown gives up or takes too long.

        The limit on time needs the process's main thread, where RQ runs its jobs.
        """
        try:
            with _collector_paused(), _time_limit(MAX_SECONDS):
                html = self._markdown.reset().convert(source)
        except Exception:  # Whatever a parser stumbles over, the message is shown.
            html = plain_html(source)
            # Its reset() does not forget in which block it was: in a list, say.
            self._markdown = _build_markdown()
        return self._cleaner.clean(html)


def _build_markdown() -> markdown.Markdown:
    built = markdown.Markdown(
        extensions=list(EXTENSIONS), extension_configs=EXTENSIONS, output_format="html"
    )
    built.preprocessors.deregister("html_block")
    for name in LEFT_OUT:
        built.inlinePatterns.deregister(name)
    complete_links(built)
    return built


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the block after so many *seconds* of the process's own work.

    Its own code's, not the kernel's for it, and not of the clock: that a machine is busy, or
    the process stopped, is no message's fault.
    And again after each *seconds*: one that is raised while an object is being deleted is lost.
    """

    def give_up(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError

    handler = signal.signal(signal.SIGVTALRM, give_up)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds, seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    finally:
        # Once more: the limit may have been reached just before the line above.
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, handler)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Have no garbage collected in the block.

    A full collection may take longer than any message, and what it calls loses exceptions.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()

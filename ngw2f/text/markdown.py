"""Markdown to safe HTML: what a message says; `ngw2f/templates/message.html` is around it.

There are two defences: the parser (`commonmark.py`) treats raw HTML as text; and its output
passes through nh3, which keeps only the tags, attributes and URL schemes below. The second
holds even if the first has a hole.
"""

import gc
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import nh3
from pygments.token import STANDARD_TYPES

from ngw2f.text.code_blocks import CodeRenderer
from ngw2f.text.commonmark import ALIGNMENTS, URL_SCHEMES, build_parser, drop_alignment
from ngw2f.text.definitions import parse_defined
from ngw2f.text.plain import plain_html
from ngw2f.text.visible import shows_anything

# Seconds of processor time. Parsing time grows with the square of some inputs; ordinary
# messages take less than a millisecond.
MAX_SECONDS = 0.25
# A page of 50 such messages is 3 MB. A message of 10,000 characters shown as typed has at most
# 60,007 (`&nbsp;` for each).
MAX_HTML_CHARACTERS = 64 * 1024
# Links and highlighted code are up to ten times as long as their source, short ones longer.
MAX_RATIO = 12
MAX_SMALL_CHARACTERS = 4 * 1024
# Interrupting this code could leave a lock held for ever. The limit waits until the code has
# left it, and then tries again.
LOCKING_MODULES = ("coverage", "importlib", "logging", "threading")
WAIT_SECONDS = 0.01

TAGS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "code", "div"),
    *("span", "em", "strong", "del", "a", "ul", "ol", "li"),
    *("table", "thead", "tbody", "tr", "th", "td"),
    # Of a task, whose box nobody can press.
    *("label", "input"),
}
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}, "li": {"value"}}
ATTRIBUTE_VALUES = {"input": {"type": {"checkbox"}, "disabled": {""}, "checked": {""}}}
# Whatever an <input> says, it is nothing else.
FIXED_VALUES = {"input": {"type": "checkbox", "disabled": ""}}


class MarkdownRenderer:
    """Render messages, one at a time. Building one takes some milliseconds, so keep it."""

    def __init__(self) -> None:
        self._code = CodeRenderer()
        self._parser = build_parser(self._code)
        self._cleaner = nh3.Cleaner(
            tags=TAGS,
            attributes=ATTRIBUTES,
            tag_attribute_values=ATTRIBUTE_VALUES,
            set_tag_attribute_values=FIXED_VALUES,
            allowed_classes=allowed_classes(self._code),
            url_schemes=set(URL_SCHEMES),
            link_rel="nofollow noopener",
        )

    def render(self, source: str) -> str:
        """Return *source* as safe HTML.

        A message that takes too long, becomes too long or would be blank is shown as typed. The
        time limit works only in the process's main thread, where RQ runs its jobs.
        """
        try:
            with _collector_paused(), _time_limit(MAX_SECONDS):
                html = self._render_shortly(source)
        # Whatever breaks the parser, the message is shown.
        except (Exception, _OutOfTimeError):
            html = None
        if html is not None:
            html = self._cleaner.clean(html.rstrip("\n"))
        if html is None or not is_short(html, source) or not shows_anything(html):
            html = self._cleaner.clean(plain_html(source.strip("\n")))
        return html

    def _render_shortly(self, source: str) -> str | None:
        """Return HTML within the limit: highlighted and aligned, else without, else None."""
        tokens, environment = parse_defined(self._parser, source)
        for self._code.colours in (True, False):
            if not self._code.colours:
                drop_alignment(tokens)
            html: str = self._parser.renderer.render(tokens, self._parser.options, environment)
            if is_short(html, source):
                return html
        return None


def allowed_classes(code: CodeRenderer) -> dict[str, set[str]]:
    """Return the allowed classes of each element."""
    return {
        "div": {"highlight"},
        "th": set(ALIGNMENTS.values()),
        "td": set(ALIGNMENTS.values()),
        "code": {f"language-{name}" for name in code.languages},
        "span": {name for name in STANDARD_TYPES.values() if name},
    }


def is_short(html: str, source: str) -> bool:
    relative = max(MAX_SMALL_CHARACTERS, MAX_RATIO * len(source))
    return len(html) <= min(MAX_HTML_CHARACTERS, relative)


class _OutOfTimeError(BaseException):
    """Not an Exception, because libraries catch those and continue."""


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise _OutOfTimeError in the block after *seconds* of user-mode processor time.

    Kernel time and wall-clock time do not count: a busy machine or a stopped process is not a
    message's fault. The error repeats every *seconds*, because one raised while an object is
    being deleted is lost.
    """

    def give_up(_signal: int, frame: FrameType | None) -> None:
        if frame and frame.f_globals.get("__name__", "").partition(".")[0] in LOCKING_MODULES:
            signal.setitimer(signal.ITIMER_VIRTUAL, WAIT_SECONDS, seconds)
        else:
            raise _OutOfTimeError

    handler = signal.signal(signal.SIGVTALRM, give_up)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds, seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    finally:
        # Again: the limit may have been reached just before the line above.
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, handler)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Disable garbage collection in the block.

    A full collection may take longer than any message, and finalizers swallow exceptions.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()

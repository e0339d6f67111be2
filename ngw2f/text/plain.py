"""Plain text: what may be posted, and its HTML before it is rendered."""

from html import escape

from ngw2f.sentences import Sentence
from ngw2f.text.visible import is_visible

# Forbidden in messages: they are invisible, and databases and terminals interpret some
# of them as commands. Tabs and line feeds are text.
CONTROLS = {chr(code) for code in (*range(32), 127, *range(128, 160))} - {"\t", "\n"}


class InvalidTextError(ValueError):
    """A refused text; the message says why."""


def check_source(source: str, max_characters: int) -> str:
    """Return *source* with line feeds as its only line ends. Raises InvalidTextError."""
    text = source.replace("\r\n", "\n").replace("\r", "\n")
    if not is_visible(text):
        raise InvalidTextError("a message must not be empty")
    if len(text) > max_characters:
        raise InvalidTextError(
            Sentence("a message may have at most %(most)d characters", most=max_characters)
        )
    if not CONTROLS.isdisjoint(text):
        raise InvalidTextError("a message must not contain control characters")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidTextError("a message must not contain lone surrogates") from error
    return text


def plain_html(source: str) -> str:
    """Return HTML that shows *source* as typed; nothing for nothing."""
    if not source:
        return ""
    return "<p>" + escape(source).replace("\n", "<br>\n") + "</p>"

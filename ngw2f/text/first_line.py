"""The first line of a message as plain text, to quote it by."""

import re
from html import unescape

MAX_CHARACTERS = 120
# Enough to find a line in; what is behind it is not looked at.
READ_CHARACTERS = 4_000

# As the sanitizer writes it (values are in double quotes), or cut off.
TAG = re.compile(r'<(?:[^">]|"[^"]*")*(?:>|$)')


def first_line_of(html: str) -> str:
    """Return the first line of rendered HTML that has text in it; "" if there is none.

    It is plain text: escape it in HTML. A longer one ends with an ellipsis.
    """
    text = unescape(TAG.sub("", html[:READ_CHARACTERS]))
    lines = (" ".join(line.split()) for line in text.split("\n"))
    line = next(filter(None, lines), "")
    return line if len(line) <= MAX_CHARACTERS else line[: MAX_CHARACTERS - 1].rstrip() + "…"

"""Clean untrusted text for one line of a page: no controls, no direction tricks.

The result is text, not HTML, so a page must escape it. It may still run from right to left as a
whole, so a page isolates it (`<bdi>`).
"""

import re
import unicodedata
from typing import Final

# Only this many times the limit is examined, since runs of spaces collapse.
SLACK: Final = 4

_SPACES = re.compile(r"\s+")
# Controls other than spaces; direction marks, embeddings, overrides and isolates (UAX 9); invisible
# separators and operators, the byte order mark, annotations, tags, surrogates and noncharacters.
# The joiners U+200C and U+200D stay: they are part of words and of emoji.
_UNWANTED = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufdd0-\ufdef\ufeff\uffa0"
    "\ufff0-\ufffc\ufffe\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# More marks on one letter than any language stacks; they would overlap the lines above.
_MARK = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]"
_STACKED_MARKS = re.compile(f"({_MARK}{{4}}){_MARK}+")


def clean_text(text: str, max_characters: int) -> str:
    """Return one line of at most *max_characters*, ending in "…" if it was cut."""
    is_cut = len(text) > max_characters * SLACK
    text = _UNWANTED.sub("", text[: max_characters * SLACK])
    text = _STACKED_MARKS.sub(r"\1", _SPACES.sub(" ", text)).strip()
    if len(text) <= max_characters and not is_cut:
        return text
    return _strip_broken_end(text[: max_characters - 1]) + "…"


def _strip_broken_end(text: str) -> str:
    """Strip what would have joined the character that was cut off."""
    while text and (text[-1] in "\u200c\u200d " or unicodedata.combining(text[-1])):
        text = text[:-1]
    return text

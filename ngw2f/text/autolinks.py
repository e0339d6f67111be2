"""Bare links, with the closing parentheses that belong to them.

`https://en.wikipedia.org/wiki/Rust_(programming_language)` ends with one; in `(see http://a/)` it
is the sentence's. So a link has as many as it opens, as in GitHub's Markdown (GFM section 6.9).
"""

import re
from xml.etree.ElementTree import Element

from markdown import Markdown
from markdown.util import AtomicString
from pymdownx.magiclink import RE_LINK, MagiclinkPattern

NAME = "magic-link"
PRIORITY = 85  # magiclink's own, which this takes the place of.


class WholeLinkPattern(MagiclinkPattern):  # type: ignore[misc] # Not typed.
    """magiclink's pattern, which leaves out every parenthesis at the end."""

    def handleMatch(  # noqa: N802 # Python-Markdown's name.
        self, m: re.Match[str], data: str
    ) -> tuple[Element, int, int]:
        element, start, end = super().handleMatch(m, data)
        open_ones = m["link"].count("(") - m["link"].count(")")
        whole_end = end
        while open_ones > 0 and data.startswith(")", whole_end):
            open_ones -= 1
            whole_end += 1
        element.text = AtomicString(element.text + data[end:whole_end])
        element.set("href", element.get("href") + data[end:whole_end])
        return element, start, whole_end


def complete_links(built: Markdown) -> None:
    """Have bare links found whole, by a Markdown that has the extension magiclink."""
    pattern = WholeLinkPattern(RE_LINK, built)
    pattern.config = built.inlinePatterns[NAME].config  # type: ignore[attr-defined] # Not typed.
    built.inlinePatterns.register(pattern, NAME, PRIORITY)

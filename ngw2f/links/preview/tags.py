"""Find the tags of a page in one pass, in time linear in the page's length.

On crafted pages the standard library's `html.parser` takes quadratic time (CVE-2025-6069 is one
case of several): 80 kB of `<a ` take 48 s in Python 3.11.7, 3.12.1 and 3.13.0, where the functions
below take 1 ms. Strangers craft our pages, and a preview needs a few tags of the head, not a tree.
So this follows the tokenizer of the HTML Standard, section 13.2.5, for tags and raw text, and
builds no tree.

The patterns below are unambiguous: the next character decides, so a failed match does not
backtrack. `*+` and `++` follow single characters only; after groups, Python before 3.11.5 gets
them wrong. Groups repeat a bounded number of times, since `re` keeps some 200 bytes per round. The
search for an unclosed quote happens once, because no further quote of its kind can follow; the
same holds for `>` and `-->`.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

MAX_ATTRIBUTES: Final = 64
MAX_VALUE_CHARACTERS: Final = 8192

# Elements whose content is text up to their end tag (HTML Standard, section 13.2.6.4.7).
RAW_TEXT: Final = frozenset(
    {"iframe", "noembed", "noframes", "script", "style", "textarea", "title", "xmp"}
)

# Inside these, a self-closing element has no content, even a script.
DRAWINGS: Final = frozenset({"math", "svg"})

# A comment, other markup up to ">" (including "</" without a name), or a tag with its name.
_START = r"<(?:(!--)|([!?]|/(?![A-Za-z]))|(/?)([A-Za-z][^\s/>]*+))"
# An attribute: its name, which may begin with "=", and its value unless no "=" follows.
_NAME = r"[^\s/>][^\s/>=]*+"
_ATTRIBUTE = re.compile(
    rf"""[\s/]*+({_NAME})(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|(?!["'])([^\s>]*+))|(?!\s*+=))"""
)
# A tag with more attributes and spaces than this ends the page.
_TO_TAG_END = (
    rf"""(?:[\s/]++|{_NAME}(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|(?!["'])[^\s>]*+)|(?!\s*+=)))"""
    r"{0,500}>"
)
_TAG_END = re.compile(_TO_TAG_END)
_COMMENT_END = re.compile("--!?>")
# In an attribute, a reference without its semicolon is text if a letter, a digit or "=" follows,
# as in the query "&copy=2" (section 13.2.5.73).
_REFERENCE = re.compile(r"&(?:#[0-9]++|#[xX][0-9a-fA-F]++|[A-Za-z][A-Za-z0-9]{1,31}+);?")
_NOT_A_REFERENCE = re.compile(r"[=A-Za-z0-9]")


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag; `name` and the attributes' names are in lower case, values are unescaped text.

    `text` is the content of a raw text element, unescaped only for `title` and `textarea`. The
    first of duplicate attributes counts. `is_self_closing` has a meaning only inside drawings.
    """

    name: str
    is_end: bool
    attributes: dict[str, str]
    text: str = ""
    is_self_closing: bool = False


def iterate_tags(page: str, wanted: frozenset[str]) -> Iterator[Tag]:
    """Yield the wanted elements' tags in order. A page that ends inside a tag ends before it."""
    find_next = _to_next(wanted).match
    position = depth = 0
    while (start := find_next(page, position)) is not None:
        comment, markup, slash, name = start.groups()
        name = (name or "").lower()
        if comment:
            end = _find_comment_end(page, start.end())
        elif markup:
            end = page.find(">", start.end()) + 1
        else:
            match = _TAG_END.match(page, start.end())
            end = match.end() if match is not None else 0
        if not end:
            return
        position = end
        text = ""
        closes_itself = page[end - 2] == "/"
        if name in DRAWINGS:
            depth = max(0, depth - 1) if slash else depth + (not closes_itself)
        if name in RAW_TEXT and not slash and not (closes_itself and depth):
            text, position = _read_raw_text(page, end, name)
        if name in wanted:
            attributes = _read_attributes(page, start.end(), end - 1)
            yield Tag(name, bool(slash), attributes, text, closes_itself)


# Nothing drops these: a pattern depends on the names alone.
@lru_cache(maxsize=8)
def _to_next(wanted: frozenset[str]) -> re.Pattern[str]:
    """Return a pattern that skips text and unwanted tags, which are most of a page."""
    names = "|".join(sorted(wanted | RAW_TEXT | DRAWINGS))
    dull_tag = rf"</?(?!(?:{names})[\s/>])[A-Za-z][^\s/>]*+{_TO_TAG_END}"
    dull = rf"(?:[^<]++|<(?![A-Za-z/!?])|{dull_tag}){{0,100}}"
    return re.compile(dull + _START, re.IGNORECASE)


def _find_comment_end(page: str, position: int) -> int:
    """Return the end of a comment, 0 if there is none. `<!-->` and `<!--->` are complete."""
    for short in (">", "->"):
        if page.startswith(short, position):
            return position + len(short)
    end = _COMMENT_END.search(page, position)
    return end.end() if end is not None else 0


def _read_raw_text(page: str, position: int, name: str) -> tuple[str, int]:
    end = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE).search(page, position)
    if end is None:
        return "", len(page)
    text = page[position : min(end.start(), position + MAX_VALUE_CHARACTERS)]
    is_escaped = name in ("title", "textarea")
    return (_REFERENCE.sub(_unescape, text) if is_escaped else text), end.start()


def _read_attributes(page: str, position: int, end: int) -> dict[str, str]:
    found: dict[str, str] = {}
    while position < end and len(found) < MAX_ATTRIBUTES:
        match = _ATTRIBUTE.match(page, position, end)
        if match is None:
            break  # Only spaces and slashes are left.
        position = match.end()
        name, *values = match.groups(default="")
        found.setdefault(name.lower()[:64], unescape_attribute("".join(values)))
    return found


def unescape_attribute(value: str) -> str:
    """Replace character references in an attribute's value, cut to MAX_VALUE_CHARACTERS."""
    value = value[:MAX_VALUE_CHARACTERS]
    return _REFERENCE.sub(_unescape_in_attribute, value) if "&" in value else value


def _unescape_in_attribute(match: re.Match[str]) -> str:
    written = match.group()
    if written[1] == "#" or written.endswith(";"):
        return _unescape(match)
    plain = html.unescape(written)
    # html.unescape replaces the longest name at the start, and keeps the rest.
    is_text = plain[1:] or _NOT_A_REFERENCE.match(match.string, match.end())
    return written if is_text else plain


def _unescape(match: re.Match[str]) -> str:
    """Replace one reference; html.unescape raises ValueError for numbers of 4300 digits."""
    written = match.group()
    return "\ufffd" if written[1] == "#" and len(written) > 20 else html.unescape(written)

"""The tags of a page, found in one pass whose time is linear in the page's length.

The standard library's `html.parser` takes time that grows with the square of the length on crafted
pages (CVE-2025-6069 is one way of several): 80 kB of `<a ` take it 48 s in Python 3.11.7, 3.12.1
and 3.13.0, where the functions below take 1 ms. Our pages are crafted by strangers, and a preview
needs a few tags of the head, not a tree. So this follows the tokenizer of the HTML Standard,
section 13.2.5, as far as tags and raw text go, and builds nothing.

The patterns below are unambiguous: what may come next is told by its first character, so that a
match which fails is given up at once and not tried in other ways. `*+` and `++` stand after single
characters only; after groups, Python 3.11 gets them wrong until 3.11.5. Groups repeat a bounded
number of times, since `re` keeps some 200 bytes for each round. A quote that is never closed is
looked for once, and then no further one of its kind can follow; so it is with `>` and `-->`.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MAX_ATTRIBUTES: Final = 64
MAX_VALUE_CHARACTERS: Final = 8192

# Elements whose content is text up to their end tag (HTML Standard, section 13.2.6.4.7).
RAW_TEXT: Final = frozenset(
    {"iframe", "noembed", "noframes", "script", "style", "textarea", "title", "xmp"}
)

# In these, what closes itself has no content, be it a script.
DRAWINGS: Final = frozenset({"math", "svg"})

# A comment, other markup up to ">" ("</" without a name is that, too), or a tag with its name.
_START = r"<(?:(!--)|([!?]|/(?![A-Za-z]))|(/?)([A-Za-z][^\s/>]*+))"
# An attribute: its name, which may begin with "=", and its value unless no "=" follows.
_NAME = r"[^\s/>][^\s/>=]*+"
_ATTRIBUTE = re.compile(
    rf"""[\s/]*+({_NAME})(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|(?!["'])([^\s>]*+))|(?!\s*+=))"""
)
# A tag with more attributes than this, and the spaces between them, ends the page.
_TO_TAG_END = (
    rf"""(?:[\s/]++|{_NAME}(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|(?!["'])[^\s>]*+)|(?!\s*+=)))"""
    r"{0,500}>"
)
_TAG_END = re.compile(_TO_TAG_END)
_COMMENT_END = re.compile("--!?>")
# In an attribute, a name without its semicolon is text if a letter, a digit or "=" follows: the
# "&copy=2" of a query is no sign (section 13.2.5.73).
_REFERENCE = re.compile(r"&(?:#[0-9]++|#[xX][0-9a-fA-F]++|[A-Za-z][A-Za-z0-9]{1,31}+);?")
_NOT_A_REFERENCE = re.compile(r"[=A-Za-z0-9]")


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag; `name` and the attributes' names are in lower case, values are unescaped text.

    `text` is what stands in an element of raw text, unescaped for `title` and `textarea` only. Of
    an attribute that is there twice, the first counts. `is_self_closing` means something within
    drawings only.
    """

    name: str
    is_end: bool
    attributes: dict[str, str]
    text: str = ""
    is_self_closing: bool = False


def iterate_tags(page: str, wanted: frozenset[str]) -> Iterator[Tag]:
    """Give out the wanted elements' tags in order. A page that ends inside a tag ends before it."""
    # Most of a page is text and tags that nobody wants: these are passed over in one go.
    names = "|".join(sorted(wanted | RAW_TEXT | DRAWINGS))
    dull_tag = rf"</?(?!(?:{names})[\s/>])[A-Za-z][^\s/>]*+{_TO_TAG_END}"
    dull = rf"(?:[^<]++|<(?![A-Za-z/!?])|{dull_tag}){{0,100}}"
    find_next = re.compile(dull + _START, re.IGNORECASE).match
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


def _find_comment_end(page: str, position: int) -> int:
    """Find the end of a comment, 0 if there is none. `<!-->` and `<!--->` are whole comments."""
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
    """Replace the character references of an attribute's value, cut to what is ever needed."""
    value = value[:MAX_VALUE_CHARACTERS]
    return _REFERENCE.sub(_unescape_in_attribute, value) if "&" in value else value


def _unescape_in_attribute(match: re.Match[str]) -> str:
    written = match.group()
    if written[1] == "#" or written.endswith(";"):
        return _unescape(match)
    plain = html.unescape(written)
    # html.unescape takes the longest name that begins the text, and leaves the rest as it is.
    is_text = plain[1:] or _NOT_A_REFERENCE.match(match.string, match.end())
    return written if is_text else plain


def _unescape(match: re.Match[str]) -> str:
    """Replace one reference. html.unescape raises ValueError where a number has 4300 digits."""
    written = match.group()
    return "\ufffd" if written[1] == "#" and len(written) > 20 else html.unescape(written)

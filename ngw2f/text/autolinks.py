"""Bare links and addresses, as people type them into a sentence.

In `https://en.wikipedia.org/wiki/Rust_(programming_language)` the last parenthesis is part of the
link; in `(see http://a/)` it belongs to the sentence. So a link keeps as many closing brackets as
it opens, as in GitHub's Markdown (GFM section 6.9). Addresses are never guessed:
`o/ann@a.example` may not be ann's.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

# These patterns look at each character a bounded number of times, however often they fail.
LINK: Final = re.compile(
    r"(?:https?://|(?P<www>www\.))[^\W_][^\s\x00-\x1f\x7f<>\"^`\\]*", re.IGNORECASE
)
# A link also ends at a delimiter written as an HTML reference, and at the next link.
LINK_END: Final = re.compile(r"&(?:lt|gt|quot|nbsp);|[,;|)\]]https?://", re.IGNORECASE)
BRACKET: Final = re.compile(r"[\[\]]")
BEYOND_ASCII: Final = re.compile(r"[^\x00-\x7f\w]")
# A character reference at the end is text (GFM section 6.9).
LAST_REFERENCE: Final = re.compile(r"&[a-z0-9]+\Z", re.IGNORECASE)
# A link may end with these, besides letters and digits, but not with a full stop.
LAST: Final = "-/#@$+="
OPENED_BY: Final = {")": "(", "]": "[", "}": "{"}
CLOSED_BY: Final = {opening: closing for closing, opening in OPENED_BY.items()}
# Joiners within Persian and Indian words, and the dot between Japanese ones.
WITHIN_WORDS: Final = "\u200c\u200d\u30fb"
# After one of these, `www.` is part of an address, a path or a longer name.
BEFORE_NAMES: Final = "@/\\.-"
# At most 64 characters before the `@` (RFC 5321 section 4.5.3.1.1). Characters that addresses may
# contain, but this pattern does not match, must not stand between it and a preceding word.
MAIL: Final = re.compile(
    r"(?<![-+./@\\\w])(?<!\w[#$%&*^~'])(?=[-+.'\w]{1,64}@)[-+\w]+(?:[.'][-+\w]+)*"
    r"@(?:[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?\.){1,8}[a-z]{2,63}(?![-@\w])",
    re.IGNORECASE | re.ASCII,
)
IN_ADDRESSES: Final = "@.-+_#$%&*^~'\\"
WORDS: Final = re.compile(r"\S+")
TEXTS: Final = ("text", "text_special")


def find_bare_links(parser: MarkdownIt) -> None:
    """Make a parser recognize bare links and addresses."""
    # Plain text ends at the parser's own characters, and where a link may begin.
    ends = parser.inline.terminator_re.pattern
    parser.inline.terminator_re = re.compile(
        rf"{ends}|(?<![0-9A-Za-z])(?:h(?=ttps?://)|w(?=ww\.))", re.IGNORECASE
    )
    parser.inline.ruler.before("escape", "bare_link", bare_link)
    parser.core.ruler.after("inline", "bare_mail", bare_mail)


def bare_link(state: StateInline, silent: bool) -> bool:
    """Parse a bare link, unless it is in the text of another link."""
    # In silent mode the parser looks for the end of `[...]`, which a link must not hide.
    if silent or state.linkLevel or state.src[state.pos] not in "hHwW":
        return False
    if is_in_word(state.src, state.pos):
        return False
    match = LINK.match(state.src, state.pos, state.posMax)
    if match is None or (match["www"] and not _is_name(state, match[0])):
        return False
    typed = match[0][: link_length(match[0])]
    text = typed.replace("&amp;", "&")
    url = state.md.normalizeLink("http://" + text if match["www"] else text)
    state.push("link_open", "a", 1).attrs = {"href": url}
    state.push("text", "", 0).content = text
    state.push("link_close", "a", -1)
    state.pos += len(typed)
    return True


def _is_name(state: StateInline, text: str) -> bool:
    is_part = state.pos > 0 and state.src[state.pos - 1] in BEFORE_NAMES
    return not is_part and "@" not in text.partition("/")[0]


def link_length(text: str) -> int:
    """Return the length of the link at the start of *text*, which contains no blank."""
    end = len(text)
    depth = 0
    for match in BRACKET.finditer(text, 0, end):
        depth += 1 if match[0] == "[" else -1
        if depth < 0:
            end = match.start()
            break
    for match in BEYOND_ASCII.finditer(text, 0, end):
        if not _is_within_words(match[0]):
            end = match.start()
            break
    if delimiter := LINK_END.search(text, 0, end):
        end = delimiter.start()
    end = _trimmed(text, end)
    if text.startswith(";", end) and (reference := LAST_REFERENCE.search(text, 0, end)):
        return reference.start()
    return end


def _trimmed(text: str, end: int) -> int:
    """Return the end without the sentence's punctuation and unmatched closing brackets."""
    surplus = {
        closing: text.count(closing, 0, end) - text.count(opening, 0, end)
        for closing, opening in OPENED_BY.items()
    }
    while True:
        last = text[end - 1]
        if surplus.get(last, 1) <= 0 or last.isalnum() or last in LAST or _is_mark(last):
            return end
        if last in surplus:
            surplus[last] -= 1
        elif closing := CLOSED_BY.get(last):
            surplus[closing] += 1
        end -= 1


def is_in_word(text: str, position: int) -> bool:
    """Return whether *position* is inside a word.

    Chinese, Japanese and Thai put no blanks between words, nor before a link.
    """
    # Look past at most 7 marks on a letter.
    for before in reversed(text[max(position - 8, 0) : position]):
        if not _is_mark(before):
            return before.isalnum() and unicodedata.category(before) != "Lo"
    return False


def _is_within_words(character: str) -> bool:
    return character in WITHIN_WORDS or _is_mark(character)


def _is_mark(character: str) -> bool:
    return character > "\x7f" and unicodedata.category(character).startswith("M")


def bare_mail(state: StateCore) -> None:
    """Make links of the addresses that are not yet in links."""
    for block in state.tokens:
        if block.type == "inline" and block.children and "@" in block.content:
            block.children = list(_with_mail(block.children))


def _with_mail(tokens: list[Token]) -> Iterator[Token]:
    links = 0
    for is_text, group in groupby(tokens, lambda token: token.type in TEXTS):
        if is_text and not links:
            yield from _with_mail_in_text(list(group))
            continue
        for token in group:
            links += token.nesting if token.tag == "a" else 0
            yield token


def _with_mail_in_text(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield the tokens of a text, which the parser splits at each backslash and reference."""
    text = "".join(token.content for token in tokens)
    as_read = "".join(map(_as_read, tokens))
    addresses = list(_addresses(as_read))
    if not addresses:
        yield from tokens
        return
    level, end = tokens[0].level, 0
    for start, next_end in addresses:
        yield _text(text[end:start], level)
        link = Token("link_open", "a", 1, level=level)
        link.attrSet("href", f"mailto:{text[start:next_end]}")
        yield link
        yield _text(text[start:next_end], level + 1)
        yield Token("link_close", "a", -1, level=level)
        end = next_end
    yield _text(text[end:], level)


def _as_read(token: Token) -> str:
    """Return a text in which an escaped character cannot be part of an address."""
    is_escaped = token.type == "text_special" and token.markup == "\\" + token.content
    return "\\" if is_escaped and token.content in IN_ADDRESSES else token.content


def _addresses(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each address begins and ends, except in URLs, which may hold a password."""
    for word in WORDS.finditer(text):
        url = word[0].find("://")
        for match in MAIL.finditer(text, word.start(), word.end()):
            after = text[match.end() : match.end() + 2].removeprefix(".")[:1]
            goes_on = after > "\x7f" and (is_in_word(after, 1) or _is_mark(after))
            is_in_url = 0 <= url < match.start() - word.start()
            if not (goes_on or is_in_url or is_in_word(text, match.start())):
                yield match.start(), match.end()


def _text(text: str, level: int) -> Token:
    return Token("text", "", 0, content=text, level=level)

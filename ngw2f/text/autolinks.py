"""Bare links and addresses, as people type them into a sentence.

`https://en.wikipedia.org/wiki/Rust_(programming_language)` ends with a parenthesis; in
`(see http://a/)` it is the sentence's. So a link has as many as it opens, as in GitHub's Markdown
(GFM section 6.9).
"""

import re
from collections.abc import Iterator
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

# Each of these looks at a character only so many times, however often the pattern fails.
LINK: Final = re.compile(
    r"(?:https?://|(?P<www>www\.))[^\W_][-\w.?,!'(){}\[\]/+&@%$#=:\"|~;]*"
    # What a link may end with; a sentence's full stop is none of it.
    r"(?<=[^\W_]|[-/#@$+=])",
    re.IGNORECASE,
)
# At most 64 characters before the `@` (RFC 5321 section 4.5.3.1.1).
MAIL: Final = re.compile(
    r"(?<![-+./@\w])(?=[-+.\w]{1,64}@)[-+\w]+(?:\.[-+\w]+)*"
    r"@(?:[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?\.){1,8}[a-z]{2,63}(?![-@\w])",
    re.IGNORECASE | re.ASCII,
)


def find_bare_links(parser: MarkdownIt) -> None:
    """Have a parser make links of them."""
    # What ends plain text: the parser's own characters, and where a link may begin.
    ends = parser.inline.terminator_re.pattern
    parser.inline.terminator_re = re.compile(
        rf"{ends}|(?<![^\W_])(?:h(?=ttps?://)|w(?=ww\.))", re.IGNORECASE
    )
    parser.inline.ruler.before("escape", "bare_link", bare_link)
    parser.core.ruler.after("inline", "bare_mail", bare_mail)


def bare_link(state: StateInline, silent: bool) -> bool:
    """Take a link that is written as it is, but in the text of another link."""
    # While the end of `[...]` is looked for, a link must not hide it.
    if silent or state.linkLevel or state.src[state.pos] not in "hHwW":
        return False
    if state.pos and state.src[state.pos - 1].isalnum():
        return False
    match = LINK.match(state.src, state.pos, state.posMax)
    if match is None:
        return False
    end = match.end()
    open_ones = match[0].count("(") - match[0].count(")")
    while open_ones > 0 and state.src.startswith(")", end, state.posMax):
        open_ones -= 1
        end += 1
    text = state.src[state.pos : end]
    url = state.md.normalizeLink("http://" + text if match["www"] else text)
    state.push("link_open", "a", 1).attrs = {"href": url}
    state.push("text", "", 0).content = text
    state.push("link_close", "a", -1)
    state.pos = end
    return True


def bare_mail(state: StateCore) -> None:
    """Make links of the addresses in what is no link yet."""
    for block in state.tokens:
        if block.type == "inline" and block.children and "@" in block.content:
            block.children = list(_with_mail(block.children))


def _with_mail(tokens: list[Token]) -> Iterator[Token]:
    links = 0
    for token in tokens:
        links += token.nesting if token.tag == "a" else 0
        if links or token.type != "text" or "@" not in token.content:
            yield token
            continue
        end = 0
        for match in MAIL.finditer(token.content):
            yield _text(token.content[end : match.start()], token.level)
            link = Token("link_open", "a", 1, level=token.level)
            link.attrSet("href", f"mailto:{match[0]}")
            yield link
            yield _text(match[0], token.level + 1)
            yield Token("link_close", "a", -1, level=token.level)
            end = match.end()
        yield _text(token.content[end:], token.level)


def _text(text: str, level: int) -> Token:
    return Token("text", "", 0, content=text, level=level)

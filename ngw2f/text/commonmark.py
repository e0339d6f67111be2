"""CommonMark as the chat writes and shows it: markdown-it-py's parser with rules of our own.

What differs from CommonMark 0.31, and why, is in docs/markdown.md.
"""

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, cast

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock, blockquote, heading, list_block, table
from markdown_it.rules_block.table import escapedSplit, getLine
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline, link
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from ngw2f.text.autolinks import find_bare_links
from ngw2f.text.code_blocks import CodeRenderer
from ngw2f.text.definitions import read_definitions
from ngw2f.text.visible import is_visible

URL_SCHEMES: Final = frozenset({"http", "https", "mailto"})
# Quotes and lists in each other; a list counts twice. What would be deeper is shown as typed:
# the parser itself leaves it out.
MAX_NESTING: Final = 20

# What has more becomes too long (`MAX_HTML_CHARACTERS`), and takes long before it does.
MAX_CELLS: Final = 4_000

SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
BlockRule = Callable[[StateBlock, int, int, bool], bool]


def build_parser(code: CodeRenderer) -> MarkdownIt:
    """Return a parser; making one costs some milliseconds, so keep it."""
    # A line's end is a line's end, as people expect of a chat. Raw HTML is text.
    options = {"html": False, "breaks": True, "xhtmlOut": False, "maxNesting": MAX_NESTING}
    parser = MarkdownIt("commonmark", options)
    parser.enable(["table", "strikethrough"]).disable(["html_block", "html_inline"])
    parser.validateLink = may_link  # type: ignore[method-assign] # As its documentation says.
    # A link shows what it was written as: what a name in ASCII decodes to may look like another.
    parser.normalizeLinkText = str  # type: ignore[method-assign, assignment]
    interrupting = ["paragraph", "reference", "blockquote", "list"]
    blocks = parser.block.ruler
    blocks.at("blockquote", partial(nested, blockquote), {"alt": interrupting})
    blocks.at("list", partial(nested, list_block), {"alt": interrupting[:-1]})
    blocks.at("heading", heading_with_text, {"alt": interrupting[:3]})
    blocks.at("table", whole_table, {"alt": interrupting[:2]})
    parser.inline.ruler.at("image", image_as_link)
    parser.core.ruler.after("block", "number_items", number_items)
    find_bare_links(parser)
    read_definitions(parser)
    renderer = cast(RendererHTML, parser.renderer)
    rules = cast(dict[str, Callable[..., str]], renderer.rules)
    rules["link_open"] = partial(link_with_text, renderer)
    rules["fence"] = code.fence
    rules["s_open"], rules["s_close"] = deleted, deleted
    # Now, not when they are asked for first: who is interrupted there leaves half of them.
    for ruler in (parser.core.ruler, blocks, parser.inline.ruler, parser.inline.ruler2):
        ruler.getRules("")
    return parser


def may_link(url: str) -> bool:
    """Say whether the sanitizer leaves that target; a link to another one is shown as typed."""
    scheme = SCHEME.match(url)
    return scheme is None or scheme[1].lower() in URL_SCHEMES


def nested(rule: BlockRule, state: StateBlock, line: int, end_line: int, silent: bool) -> bool:
    """Take a quote or a list, unless it is too deep."""
    return state.level < MAX_NESTING - 2 and rule(state, line, end_line, silent)


def heading_with_text(state: StateBlock, line: int, end_line: int, silent: bool) -> bool:
    """Take a heading; `#` alone is what somebody typed."""
    text = getLine(state, line)
    return text.strip(" \t#") != "" and heading(state, line, end_line, silent)


def whole_table(state: StateBlock, line: int, end_line: int, silent: bool) -> bool:
    """Take a table; what is beyond the columns of its head goes into the last one.

    And what is beyond its rows is text: a row of one character may have a thousand cells.
    """
    first = len(state.tokens)
    rows = MAX_CELLS // (getLine(state, line).count("|") + 1)
    if not table(state, line, min(end_line, line + 2 + rows), silent):
        return False
    columns = 0
    row_line = line
    for token in state.tokens[first:]:
        if token.type == "th_open":
            columns += 1
        elif token.type == "tr_open" and token.map:
            row_line = token.map[0]
        elif token.type == "inline":
            cell = token
        elif token.type == "tr_close":
            beyond = _cells(state, row_line)[columns:]
            cell.content = " | ".join([cell.content, *beyond]) if beyond else cell.content
    return True


def _cells(state: StateBlock, line: int) -> list[str]:
    cells = [cell.strip() for cell in escapedSplit(getLine(state, line).strip())]
    if cells and not cells[0]:
        del cells[0]
    if cells and not cells[-1]:
        del cells[-1]
    return cells


def image_as_link(state: StateInline, silent: bool) -> bool:
    """Take an image as a link with its text; loading it would tell a stranger who reads."""
    if not state.src.startswith("![", state.pos):
        return False
    if not silent and state.pending:
        state.pushPending()
    start, first = state.pos, len(state.tokens)
    state.pos += 1
    if not link(state, silent):
        state.pos = start
        return False
    if not silent and state.linkLevel:
        # The text of a link has no link. Without a text, its address is shown.
        opening, closing = state.tokens[first], state.tokens[-1]
        opening.content = "" if _has_text(state.tokens, first) else str(opening.attrs["href"])
        for token in (opening, closing):
            token.type, token.tag, token.nesting = "text", "", 0
    return True


def link_with_text(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    environment: EnvType,
) -> str:
    """Return a link's opening tag, and its target where it shows no text."""
    html = renderer.renderToken(tokens, index, options, environment)
    if _has_text(tokens, index):
        return html
    target = str(tokens[index].attrs["href"] or tokens[index].attrs.get("title", ""))
    return html + renderer.text([Token("text", "", 0, content=target)], 0, options, environment)


def _has_text(tokens: Sequence[Token], index: int) -> bool:
    for number in range(index + 1, len(tokens)):
        if tokens[number].type == "link_close":
            break
        if is_visible(tokens[number].content):
            return True
    return False


def number_items(state: StateCore) -> None:
    """Have the numbers of a list shown that do not follow from those before.

    CommonMark goes on counting from the first one. All with the same number are counted, too.
    """
    lists: list[tuple[int, int]] = []
    for token in state.tokens:
        if token.type == "ordered_list_open":
            first = int(token.attrs.get("start", 1))
            lists.append((first, first))
        elif token.type == "ordered_list_close":
            lists.pop()
        elif token.type == "list_item_open" and token.info:
            expected, previous = lists.pop()
            number = int(token.info)
            if number in (expected, previous):
                shown = expected
            else:
                shown = number
                token.attrs["value"] = number
            lists.append((shown + 1, number))


def deleted(
    tokens: Sequence[Token], index: int, _options: OptionsDict, _environment: EnvType
) -> str:
    return "<del>" if tokens[index].nesting == 1 else "</del>"

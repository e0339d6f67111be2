"""The chat's dialect of CommonMark: markdown-it-py's parser with our own rules.

docs/markdown.md lists the differences from CommonMark 0.31 and their reasons.
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
from ngw2f.text.tasks import find_tasks
from ngw2f.text.visible import is_visible

URL_SCHEMES: Final = frozenset({"http", "https", "mailto"})
# Nesting of quotes and lists; a list counts twice. Anything deeper is shown as typed, where
# the parser itself would drop it.
MAX_NESTING: Final = 20

# Larger tables exceed `MAX_HTML_CHARACTERS`, and take long to get there.
MAX_CELLS: Final = 4_000

# By the style that the parser gives to a cell: the page's policy allows no styles.
ALIGNMENTS: Final = {f"text-align:{name}": name for name in ("left", "center", "right")}

SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
BlockRule = Callable[[StateBlock, int, int, bool], bool]


def build_parser(code: CodeRenderer) -> MarkdownIt:
    """Return a parser. Building one takes some milliseconds, so keep it."""
    # Line breaks are kept, as people expect of a chat. Raw HTML is text.
    options = {"html": False, "breaks": True, "xhtmlOut": False, "maxNesting": MAX_NESTING}
    parser = MarkdownIt("commonmark", options)
    parser.enable(["table", "strikethrough"]).disable(["html_block", "html_inline"])
    parser.validateLink = may_link  # type: ignore[method-assign] # As its documentation says.
    # A link shows its text as typed: a decoded IDNA name may look like another.
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
    find_tasks(parser)
    renderer = cast(RendererHTML, parser.renderer)
    rules = cast(dict[str, Callable[..., str]], renderer.rules)
    rules["link_open"] = partial(link_with_text, renderer)
    rules["fence"] = code.fence
    rules["s_open"], rules["s_close"] = deleted, deleted
    # Compile the rules now: an interruption at their first use would leave half of them.
    for ruler in (parser.core.ruler, blocks, parser.inline.ruler, parser.inline.ruler2):
        ruler.getRules("")
    return parser


def may_link(url: str) -> bool:
    """Return whether the sanitizer keeps this target; other links are shown as typed."""
    scheme = SCHEME.match(url)
    return scheme is None or scheme[1].lower() in URL_SCHEMES


def nested(rule: BlockRule, state: StateBlock, line: int, end_line: int, silent: bool) -> bool:
    """Parse a quote or a list, unless it is nested too deep."""
    return state.level < MAX_NESTING - 2 and rule(state, line, end_line, silent)


def heading_with_text(state: StateBlock, line: int, end_line: int, silent: bool) -> bool:
    """Parse a heading; a lone `#` is text."""
    text = getLine(state, line)
    return text.strip(" \t#") != "" and heading(state, line, end_line, silent)


def whole_table(state: StateBlock, line: int, end_line: int, silent: bool) -> bool:
    """Parse a table; cells beyond the header's columns go into the last one.

    Rows beyond MAX_CELLS are text: a row of one character may have a thousand cells. A cell has
    its column's alignment as its class.
    """
    first = len(state.tokens)
    rows = MAX_CELLS // (getLine(state, line).count("|") + 1)
    if not table(state, line, min(end_line, line + 2 + rows), silent):
        return False
    columns = 0
    row_line = line
    for token in state.tokens[first:]:
        if style := token.attrs.pop("style", None):
            token.attrs["class"] = ALIGNMENTS[str(style)]
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


def drop_alignment(tokens: Sequence[Token]) -> None:
    """Make the HTML of tables shorter."""
    for token in tokens:
        if token.type in ("th_open", "td_open"):
            token.attrs.clear()


def _cells(state: StateBlock, line: int) -> list[str]:
    cells = [cell.strip() for cell in escapedSplit(getLine(state, line).strip())]
    if cells and not cells[0]:
        del cells[0]
    if cells and not cells[-1]:
        del cells[-1]
    return cells


def image_as_link(state: StateInline, silent: bool) -> bool:
    """Turn an image into a link with its text; loading it would tell a stranger who reads."""
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
        # A link's text contains no link. Without text, show the address.
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
    """Return a link's opening tag, followed by its target if it has no visible text."""
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
    """Keep the number of a list item that does not continue the count.

    CommonMark uses only the first number of a list, and counts from there. An item that repeats the
    number before it (`1.`, `1.`) is counted here too.
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

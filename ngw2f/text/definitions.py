"""Link definitions that never hide text.

CommonMark takes `[INFO]: started` for a link definition (0.31 section 4.7) and does not show
it. Here a line is a definition only if its target is a URL and a link in the message uses it.
Any other line is shown as typed.
"""

import re
from collections.abc import Iterator
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.helpers import parseLinkLabel
from markdown_it.rules_block import StateBlock, reference
from markdown_it.rules_inline import StateInline, link
from markdown_it.token import Token
from markdown_it.utils import EnvType

IS_URL: Final = re.compile(r"https?://.|mailto:.|\.{0,2}/|#\w", re.IGNORECASE)
# After this many attempts to find out which definitions are used, all are treated as text.
MAX_TRIES: Final = 4
# Many links to one long defined URL are much longer than their source.
MAX_LINKED_CHARACTERS: Final = 32 * 1024


class TooLongError(ValueError):
    """The message would become much longer than its source."""


def read_definitions(parser: MarkdownIt) -> None:
    """Make a parser check whether each definition is used."""
    parser.options["store_labels"] = True  # Links then record the label that they used.
    parser.block.ruler.at("reference", _definition, {"alt": ["paragraph"]})
    parser.inline.ruler.at("link", _link)


def parse_defined(parser: MarkdownIt, source: str) -> tuple[list[Token], EnvType]:
    """Return the tokens of *source*, and the environment to render them in.

    Raises TooLongError.
    """
    shown: set[int] = set()
    used: set[int] = set()
    for tries_left in reversed(range(MAX_TRIES)):
        # Both sets hold the line numbers at which definitions begin.
        environment: EnvType = {"shown": shown, "used": used}
        tokens = parser.parse(source, environment)
        used, unused = _divide(tokens, environment)
        if not unused:
            break
        shown = shown | unused if tries_left > 1 else shown | unused | used
    return tokens, environment


def _definition(state: StateBlock, line: int, end_line: int, silent: bool) -> bool:
    if silent:  # The parser checks whether a paragraph ends here.
        return line in state.env["used"]
    return line not in state.env["shown"] and reference(state, line, end_line, False)


def _link(state: StateInline, silent: bool) -> bool:
    """Parse a link, except `[INFO]: more`, which looks like a failed definition."""
    if state.src.startswith("[", state.pos) and state.env.get("references"):
        end = parseLinkLabel(state, state.pos, True)
        if end >= 0 and state.src.startswith("]:", end):
            return False
    return link(state, silent)


def _divide(tokens: list[Token], environment: EnvType) -> tuple[set[int], set[int]]:
    """Return the lines of the used definitions, and of the others."""
    references = environment.get("references", {})
    if not references:
        return set(), set()
    labels: set[str] = set()
    linked_characters = 0
    for token in _links(tokens):
        if label := token.meta.get("label"):
            labels.add(label)
            linked_characters += sum(len(str(value)) for value in token.attrs.values())
            if linked_characters > MAX_LINKED_CHARACTERS:
                raise TooLongError
    used: set[int] = set()
    unused = {each["map"][0] for each in environment.get("duplicate_refs", ())}
    for label, definition in references.items():
        is_used = label in labels and IS_URL.match(definition["href"])
        (used if is_used else unused).add(definition["map"][0])
    return used, unused


def _links(tokens: list[Token]) -> Iterator[Token]:
    for block in tokens:
        for token in block.children or ():
            if token.type == "link_open":
                yield token

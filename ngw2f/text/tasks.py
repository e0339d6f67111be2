"""Task lists (GFM 5.3): `- [ ] to do` and `- [x] done` have a box that nobody can press."""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

# At the start of an item's first paragraph; something must follow.
MARK = re.compile(r"\[([ xX])\][ \t\n]+(?=\S)")


def find_tasks(parser: MarkdownIt) -> None:
    """Make the parser know task lists."""
    parser.core.ruler.after("block", "task_marks", take_marks)
    parser.core.ruler.push("task_boxes", put_boxes)


def take_marks(state: StateCore) -> None:
    """Take the marks out of the text before anything else, such as a link, is found in them."""
    tokens = state.tokens
    for item, paragraph, inline in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if (item.type, paragraph.type) != ("list_item_open", "paragraph_open"):
            continue
        if mark := MARK.match(inline.content):
            inline.content = inline.content[mark.end() :]
            inline.meta["task"] = mark[1] != " "


def put_boxes(state: StateCore) -> None:
    """Put a box before each task. The task is its label, in every language."""
    for token in state.tokens:
        if token.children is None or "task" not in token.meta:
            continue
        box = Token("task_box", "input", 0)
        box.attrs.update({"type": "checkbox", "disabled": ""})
        if token.meta["task"]:
            box.attrs["checked"] = ""
        token.children[:0] = [Token("task_open", "label", 1), box]
        token.children.append(Token("task_close", "label", -1))

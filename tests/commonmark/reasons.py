"""Why the chat shows an example otherwise than CommonMark: one line for each reason."""

import re

from markdown_it import MarkdownIt
from markdown_it.token import Token

from ngw2f.text.code_blocks import CodeRenderer
from ngw2f.text.commonmark import build_parser, may_link
from ngw2f.text.visible import shows_anything
from tests.commonmark.spec import Example, normalized

REASONS = {
    "line ends": "Chat: the end of a line is one (`<br>`), as people expect who press Enter.",
    "raw HTML": "Safety: HTML is shown as it was typed.",
    "images": "Safety: an image is a link with its text. Loading it would tell a stranger's "
    "server who reads. In the text of a link it is its text alone.",
    "schemes": "Safety: links lead to http, https and mailto. What would lead elsewhere is shown "
    "as it was typed.",
    "definitions": "Chat: `[INFO]: started` is text. A definition of a link is one only if its "
    "target is a URL (with `http:`, `https:` or `mailto:`, or from `/` or `#` on) and a link "
    "uses it; a name with a colon after it (`[INFO]: more`) does not.",
    "code": "Chat: code is coloured, in a box of its own. What follows a fence and is no "
    "language's name is shown.",
    "bare links": "Chat: a link or an address needs no brackets.",
    "empty links": "Chat: a link without a text shows its target.",
    "empty headings": "Chat: `#` alone is what somebody typed.",
    "empty": "Chat: what would show nothing is shown as it was typed.",
}


class Judge:
    """Tell why what the chat shows is not CommonMark's HTML."""

    def __init__(self) -> None:
        self._commonmark = MarkdownIt("commonmark", {"store_labels": True})
        self._chat = build_parser(CodeRenderer())
        self._without_bare_links = build_parser(CodeRenderer())
        self._without_bare_links.disable(["bare_link", "bare_mail"])

    def reasons_for(self, example: Example, html: str) -> list[str]:
        """Return why *html* is not the example's; empty: it is, or nobody knows why not."""
        if normalized(html) == normalized(example.html):
            return []
        if without_line_ends(html) == without_line_ends(example.html):
            return ["line ends"]
        features = self._features(example)
        return [name for name in REASONS if name in features]

    def _features(self, example: Example) -> set[str]:
        """Return for which reasons this example may be shown otherwise."""
        environment: dict = {}
        tokens = flat(self._commonmark.parse(example.source, environment))
        types = {token.type for token in tokens}
        source = example.source
        found = {
            "raw HTML": types & {"html_block", "html_inline"},
            "images": "image" in types,
            "schemes": not all(may_link(str(token.attrs.get("href", ""))) for token in tokens),
            "definitions": environment.get("references"),
            "code": any(token.type == "fence" and token.info for token in tokens),
            "bare links": self._links(self._chat, source)
            > self._links(self._without_bare_links, source),
            "empty links": re.search(r"\[\]\(", source),
            "empty headings": re.search(r"^#+ *$", source, re.MULTILINE),
        }
        features = {name for name, value in found.items() if value}
        return features or ({"empty"} if not shows_anything(example.html) else set())

    def _links(self, parser: MarkdownIt, source: str) -> int:
        tokens = flat(parser.parse(source, {"shown": set(), "used": set()}))
        return sum(token.type == "link_open" for token in tokens)


def flat(blocks: list[Token]) -> list[Token]:
    return [*blocks, *(child for block in blocks for child in block.children or ())]


def without_line_ends(html: str) -> str:
    return normalized(re.sub("<br ?/?>", "", html))

"""Why the chat renders an example differently from CommonMark: one line per reason."""

import re

from markdown_it import MarkdownIt
from markdown_it.token import Token

from ngw2f.text.code_blocks import CodeRenderer
from ngw2f.text.commonmark import build_parser, may_link
from ngw2f.text.visible import shows_anything
from tests.commonmark.spec import Example, normalized

REASONS = {
    "line ends": "Chat: a line break is kept (`<br>`), as people expect when they press Enter.",
    "raw HTML": "Safety: HTML is shown as typed.",
    "images": "Safety: an image becomes a link with its text. Loading it would tell a stranger's "
    "server who reads. Inside a link's text only its text remains.",
    "schemes": "Safety: links may use http, https and mailto. Any other link is shown as typed.",
    "definitions": "Chat: `[INFO]: started` is text. A link definition counts only if its target "
    "is a URL (`http:`, `https:`, `mailto:`, or starting with `/` or `#`) and a link uses it; a "
    "name followed by a colon (`[INFO]: more`) does not use it.",
    "code": "Chat: code is highlighted, in a box. The word after a fence is shown unless it names "
    "a language.",
    "bare links": "Chat: a link or an address needs no brackets.",
    "empty links": "Chat: a link without a text shows its target.",
    "empty headings": "Chat: a lone `#` is text.",
    "empty": "Chat: a message that would be blank is shown as typed.",
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
        environment: dict[str, object] = {}
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

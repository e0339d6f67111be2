"""Which words HTML shows, in its text or where a link leads."""

import re
from html.parser import HTMLParser
from urllib.parse import unquote

SHOWN_ATTRIBUTES = {"href", "title", "class", "start", "value"}


class Words(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.attributes = "", ""
        self.feed(html)
        self.close()

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.text += "\n" if tag in ("br", "p", "li", "td", "th") else ""
        for name, value in attrs:
            if name in SHOWN_ATTRIBUTES:
                self.attributes += f" {value} {unquote(value or '')}"


def lost_words(source: str, html: str) -> list[str]:
    """Return the words of *source* that *html* does not have."""
    words = Words(html)
    shown = (words.text + words.attributes).casefold()
    return [word for word in re.findall(r"[^\W_]+", source) if word.casefold() not in shown]

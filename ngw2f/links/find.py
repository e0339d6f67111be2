"""Find a message's links in its rendered HTML.

By then the Markdown parser has told links from code, and the sanitizer has removed the rest, so
only links that a reader could click are fetched.
"""

import logging
from typing import Final

from ngw2f.links.guard.errors import LinkRefused
from ngw2f.links.guard.target import parse_target
from ngw2f.links.preview.tags import iterate_tags

MAX_LINKS: Final = 5

_WANTED = frozenset({"a", "code", "pre"})
_CODE = frozenset({"code", "pre"})

logger = logging.getLogger(__name__)


def find_links(html: str) -> list[str]:
    """List the normalised URLs of a message's links, in order, each once, at most `MAX_LINKS`.

    `html` is the sanitizer's output. Links in code, links other than http and https, and refused
    links are left out; refused ones are logged.
    """
    if "<a " not in html:
        return []
    found: dict[str, None] = {}
    depth = 0
    for tag in iterate_tags(html, _WANTED):
        if tag.name in _CODE:
            depth = max(0, depth + (-1 if tag.is_end else 1))
        elif not tag.is_end and not depth:
            url = _normalise(tag.attributes.get("href", ""))
            if url is not None:
                found[url] = None
        if len(found) == MAX_LINKS:
            break
    return list(found)


def _normalise(href: str) -> str | None:
    try:
        return parse_target(href).url
    except LinkRefused as error:
        logger.info("Link refused: %s", error)
        return None

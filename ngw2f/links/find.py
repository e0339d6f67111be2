"""The links of a message, read from its rendered HTML.

Markdown's parser has decided by then what is a link and what is code, and the sanitizer what may
stay, so that nothing is fetched that a reader could not have clicked.
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

    `html` is what the sanitizer gave out. Links inside code are left out, and so are those that are
    not http or https or that are written in a way that is refused, which the log says.
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

"""What a fetched answer says about itself: title, description, site, picture.

All of it is what a stranger wrote, made fit for a line of text and not for HTML. No address in it
has been judged: the picture's URL goes through the guarded fetch like any other link.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from ngw2f.text.charset import decode_page
from ngw2f.text.clean import clean_text
from ngw2f.text.errors import LinkRefused
from ngw2f.text.fetch import Fetched
from ngw2f.text.media import IMAGE_TYPES
from ngw2f.text.tags import Tag, iterate_tags
from ngw2f.text.target import Target, join_target, parse_target

MAX_TITLE: Final = 200
MAX_DESCRIPTION: Final = 500
MAX_SITE_NAME: Final = 100

_WANTED = frozenset({"base", "link", "meta", "svg", "title"})

# Where each part is looked for, best first. Open Graph says `property`, Twitter and HTML say
# `name`; sites mix them up, so both are read alike.
_TITLES = ("og:title", "twitter:title", "<title>")
_DESCRIPTIONS = ("og:description", "twitter:description", "description")
_SITE_NAMES = ("og:site_name", "application-name")
_IMAGES = (
    "og:image:secure_url",
    "og:image",
    "og:image:url",
    "twitter:image",
    "twitter:image:src",
    "<image_src>",
)


@dataclass(frozen=True, slots=True)
class Preview:
    """What is shown under a message. Empty means that the page does not say.

    `url` is the normalised URL that answered, `image_url` a normalised one that nobody fetched yet.
    """

    url: str
    title: str = ""
    description: str = ""
    site_name: str = ""
    image_url: str = ""

    @property
    def is_worth_showing(self) -> bool:
        return bool(self.title or self.description or self.image_url)


def make_preview(fetched: Fetched) -> Preview:
    """Read the preview of a page or of an image. Never raises for what the page holds."""
    target = parse_target(fetched.url)
    if fetched.media_type in IMAGE_TYPES:
        name = unquote(urlsplit(target.path).path.rpartition("/")[2])
        return Preview(
            fetched.url, clean_text(name, MAX_TITLE), site_name=target.host, image_url=fetched.url
        )
    found, base = _collect(decode_page(fetched.body, fetched.charset), target)
    return Preview(
        fetched.url,
        title=_get_first_text(found, _TITLES, MAX_TITLE),
        description=_get_first_text(found, _DESCRIPTIONS, MAX_DESCRIPTION),
        site_name=_get_first_text(found, _SITE_NAMES, MAX_SITE_NAME) or target.host,
        image_url=_get_first_url(found, _IMAGES, base),
    )


def _collect(page: str, target: Target) -> tuple[dict[str, str], Target]:
    """Gather the first value of each name that is not empty, and the base of the page's links."""
    found: dict[str, str] = {}
    base: Target | None = None
    for tag in iterate_tags(page, _WANTED):
        if tag.name == "svg":
            found.setdefault("<title>", "")  # What follows may be the title of a drawing.
        elif tag.name == "base":
            base = base or _join(target, tag.attributes.get("href", ""))
        elif not tag.is_end:
            name, value = _read_tag(tag)
            if name and value.strip():
                found.setdefault(name, value)
    return found, base or target


def _read_tag(tag: Tag) -> tuple[str, str]:
    attributes = tag.attributes
    if tag.name == "title":
        return "<title>", tag.text
    if tag.name == "link":
        relations = attributes.get("rel", "").lower().split()
        return ("<image_src>" if "image_src" in relations else ""), attributes.get("href", "")
    name = attributes.get("property") or attributes.get("name") or ""
    return name.strip().lower(), attributes.get("content", "")


def _get_first_text(found: dict[str, str], names: tuple[str, ...], max_characters: int) -> str:
    texts = (clean_text(found.get(name, ""), max_characters) for name in names)
    return next(filter(None, texts), "")


def _get_first_url(found: dict[str, str], names: tuple[str, ...], base: Target) -> str:
    targets = (_join(base, found[name]) for name in names if name in found)
    return next((target.url for target in targets if target is not None), "")


def _join(base: Target, reference: str) -> Target | None:
    """Resolve a reference; a wrong one is as good as none, since the page works without it."""
    reference = reference.strip(" \t\r\n\f")
    try:
        return join_target(base, reference) if reference else None
    except LinkRefused:
        return None

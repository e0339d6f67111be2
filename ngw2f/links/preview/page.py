"""Make a preview from a fetched page or image: title, description, site, picture.

All of it is untrusted, and cleaned for a line of text, not for HTML. Its addresses are unchecked:
the picture's URL goes through the guarded fetch like any other link.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from ngw2f.links.guard.errors import LinkRefused
from ngw2f.links.guard.fetch import Fetched
from ngw2f.links.guard.media import IMAGE_TYPES
from ngw2f.links.guard.target import Target, join_target, parse_target
from ngw2f.links.preview.charset import decode_page
from ngw2f.links.preview.clean import clean_text
from ngw2f.links.preview.tags import DRAWINGS, Tag, iterate_tags
from ngw2f.text.visible import is_visible

MAX_TITLE: Final = 200
MAX_DESCRIPTION: Final = 500
MAX_SITE_NAME: Final = 100
# How many values of a repeated name are examined, and how many pictures: the first may be gone,
# too large, or of an unsupported type.
MAX_VALUES: Final = 8
MAX_IMAGES: Final = 4

# A title in these is not the page's; the content of a template is not part of the page.
_APART = frozenset({*DRAWINGS, "noscript", "template"})
_WANTED = frozenset({"base", "link", "meta", "title", *_APART})
MAX_DEPTH: Final = 100

# Sources of each part, best first. Open Graph uses `property`, Twitter and HTML use `name`;
# sites mix them up, so both count.
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

_NAMES = frozenset((*_TITLES, *_DESCRIPTIONS, *_SITE_NAMES, *_IMAGES))

# The values of a page by name, in page order.
Found = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Preview:
    """What is shown under a message. An empty field means that the page does not say.

    `url` is the normalised URL that answered; `image_urls` are normalised candidates for the
    picture, not fetched yet, the best first.
    """

    url: str
    title: str = ""
    description: str = ""
    site_name: str = ""
    image_urls: tuple[str, ...] = ()

    @property
    def is_worth_showing(self) -> bool:
        return bool(self.title or self.description or self.image_urls)


def make_preview(fetched: Fetched) -> Preview:
    """Return the preview of a page or an image. Never raises, whatever it contains."""
    target = parse_target(fetched.url)
    if fetched.media_type in IMAGE_TYPES:
        name = unquote(urlsplit(target.path).path.rpartition("/")[2])
        return Preview(
            fetched.url,
            clean_text(name, MAX_TITLE),
            site_name=target.host,
            image_urls=(fetched.url,),
        )
    found, base = _collect(decode_page(fetched.body, fetched.charset), target)
    return Preview(
        fetched.url,
        title=_get_first_text(found, _TITLES, MAX_TITLE),
        description=_get_first_text(found, _DESCRIPTIONS, MAX_DESCRIPTION),
        site_name=_get_first_text(found, _SITE_NAMES, MAX_SITE_NAME) or target.host,
        image_urls=_get_urls(found, _IMAGES, base),
    )


def _collect(page: str, target: Target) -> tuple[Found, Target]:
    """Return the non-empty values of each name, and the base of the page's links."""
    found: Found = {}
    base: Target | None = None
    apart: list[str] = []
    for tag in iterate_tags(page, _WANTED):
        if tag.name in _APART:
            _enter_or_leave(apart, tag)
        elif tag.is_end or "template" in apart:
            continue
        elif tag.name == "base":
            base = base or _join(target, tag.attributes.get("href", ""))
        else:
            if tag.name == "meta":  # It ends all drawings (HTML Standard, section 13.2.6.5).
                apart = [each for each in apart if each not in DRAWINGS]
            names, value = _read_tag(tag)
            for name in names if value.strip() else ():
                values = found.setdefault(name, [])
                if len(values) < MAX_VALUES and not (apart and name == "<title>"):
                    values.append(value)
    return found, base or target


def _enter_or_leave(apart: list[str], tag: Tag) -> None:
    """Track open elements. An end tag also closes those within; a stray one closes none."""
    if tag.is_end:
        if tag.name in apart:
            del apart[len(apart) - 1 - apart[::-1].index(tag.name) :]
    elif not (tag.is_self_closing and tag.name in DRAWINGS) and len(apart) < MAX_DEPTH:
        apart.append(tag.name)


def _read_tag(tag: Tag) -> tuple[list[str], str]:
    """Return the names that a tag sets, and their value."""
    attributes = tag.attributes
    if tag.name == "title":
        return ["<title>"], tag.text
    if tag.name == "link":
        relations = attributes.get("rel", "").lower().split()
        return ["<image_src>"] if "image_src" in relations else [], attributes.get("href", "")
    # A property may be several (RDFa Core section 5), and stand beside a name.
    written = f"{attributes.get('property', '')} {attributes.get('name', '')}"
    known = (name for name in written.lower().split() if name in _NAMES)
    return list(dict.fromkeys(known)), attributes.get("content", "")


def _get_first_text(found: Found, names: tuple[str, ...], max_characters: int) -> str:
    texts = (clean_text(value, max_characters) for value in _iterate_values(found, names))
    return next(filter(is_visible, texts), "")


def _get_urls(found: Found, names: tuple[str, ...], base: Target) -> tuple[str, ...]:
    targets = (_join(base, value) for value in _iterate_values(found, names))
    urls = dict.fromkeys(target.url for target in targets if target is not None)
    return tuple(urls)[:MAX_IMAGES]


def _iterate_values(found: Found, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        yield from found.get(name, ())


def _join(base: Target, reference: str) -> Target | None:
    """Resolve a reference; return None for an invalid one, which the preview can do without."""
    try:
        return join_target(base, reference) if reference.strip() else None
    except LinkRefused:
        return None

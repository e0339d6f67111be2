"""What kinds of answers are read, and how much of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

MEGABYTE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limit:
    """How many bytes of a body are read, after decompression, and whether a longer one is of use.

    The start of a page is enough for its preview; a part of an image or of a JSON text is nothing.
    """

    max_bytes: int
    may_be_cut: bool = False


# Media type, in lower case without parameters, to its limit. What is not in it is not read.
Accepted = Mapping[str, Limit]

IMAGE_TYPES: Final = ("image/webp", "image/png", "image/jpeg", "image/gif")
# What a page shows for itself is smaller; a photograph as cameras make them is not. A worker of
# 200 MB that fetches 32 links at once has no room for 32 of these.
MAX_IMAGE_BYTES: Final = 2 * MEGABYTE


def accept_images(max_bytes: int = MAX_IMAGE_BYTES) -> Accepted:
    """Accept the images that a thumbnail can be made of, each up to so many bytes."""
    return MappingProxyType({media: Limit(max_bytes) for media in IMAGE_TYPES})


PAGES: Final[Accepted] = MappingProxyType(
    {media: Limit(MEGABYTE, may_be_cut=True) for media in ("text/html", "application/xhtml+xml")}
)
IMAGES: Final = accept_images()
LINKS: Final[Accepted] = MappingProxyType({**PAGES, **IMAGES})
OEMBED: Final[Accepted] = MappingProxyType({"application/json": Limit(MEGABYTE // 4)})


def parse_content_type(value: str) -> tuple[str, str | None]:
    """Split a Content-Type into its media type and its charset (RFC 9110 section 8.3.1)."""
    media, *parameters = value.split(";")
    for parameter in parameters:
        name, _, argument = parameter.partition("=")
        if name.strip().lower() == "charset":
            return media.strip().lower(), argument.strip().strip("\"'").lower()[:40] or None
    return media.strip().lower(), None

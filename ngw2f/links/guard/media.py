"""What kinds of answers are read, and how much of each."""

import re
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
# What stores of files call a picture whose name they do not know. Its bytes say what it is.
OPAQUE_TYPE: Final = "application/octet-stream"
# Names that are in use and registered nowhere, for those that are.
_REGISTERED: Final = MappingProxyType(
    {
        **dict.fromkeys(
            ("image/jpg", "image/pjpeg", "image/jfif", "image/jpe", "image/x-jpeg"), "image/jpeg"
        ),
        **dict.fromkeys(("image/x-png", "image/apng", "image/vnd.mozilla.apng"), "image/png"),
        **dict.fromkeys(("image/x-webp",), "image/webp"),
        **dict.fromkeys(("image/x-gif",), "image/gif"),
        **dict.fromkeys(("text/xhtml", "text/x-html", "application/html"), "text/html"),
        **dict.fromkeys(("binary/octet-stream", "application/binary"), OPAQUE_TYPE),
        # Who says so does not know (MIME Sniffing Standard, section 7).
        **dict.fromkeys(("unknown/unknown", "application/unknown"), ""),
    }
)
# What a page shows for itself is smaller; a photograph as cameras make them is not. A worker of
# 200 MB that fetches 32 links at once has no room for 32 of these.
MAX_IMAGE_BYTES: Final = 2 * MEGABYTE


def accept_images(max_bytes: int = MAX_IMAGE_BYTES) -> Accepted:
    """Accept the images that a thumbnail can be made of, each up to so many bytes."""
    return MappingProxyType({media: Limit(max_bytes) for media in (*IMAGE_TYPES, OPAQUE_TYPE)})


PAGES: Final[Accepted] = MappingProxyType(
    {media: Limit(MEGABYTE, may_be_cut=True) for media in ("text/html", "application/xhtml+xml")}
)
IMAGES: Final = accept_images()
LINKS: Final[Accepted] = MappingProxyType(
    {**PAGES, **{media: IMAGES[media] for media in IMAGE_TYPES}}
)
OEMBED: Final[Accepted] = MappingProxyType({"application/json": Limit(MEGABYTE // 4)})


def limit_of(media_type: str, accepted: Accepted) -> Limit | None:
    """Return how much is read of an answer of that type, empty if it has none; None if nothing.

    Where pictures are asked for, their bytes say what they are, as in browsers. Where one is gone,
    there is a page.
    """
    if OPAQUE_TYPE in accepted and media_type not in (*PAGES, "image/svg+xml"):
        return accepted[OPAQUE_TYPE]
    return accepted.get(media_type or "text/html")


# A media type at the start of a member of the list, in quotes or not (RFC 9110 section 8.3.1).
_TCHAR = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_MEDIA_TYPE = re.compile(rf"[\s\"']*+({_TCHAR}/{_TCHAR})")
_CHARSET = re.compile(r"\bcharset\s*+=\s*+[\"']?([^\s\"';,]{1,40})", re.IGNORECASE)


def parse_content_type(value: str) -> tuple[str, str | None]:
    """Split a Content-Type into its media type and its charset (RFC 9110 section 8.3.1).

    Of several, which proxies join by commas, the last that is one counts, and keeps the charset of
    the one before if that is of the same type (Fetch Standard, "extract a MIME type"). Returns an
    empty type if there is none, and a registered name for a widespread other one.
    """
    media_type, charset = "", None
    for member in value.split(","):
        named = _CHARSET.search(member)
        match = _MEDIA_TYPE.match(member)
        found = match.group(1).rstrip("'").lower() if match else ""
        found = _REGISTERED.get(found, found)
        if (media_type and not found) or found == "*/*":
            continue
        if named or found != media_type:
            charset = named.group(1).lower() if named else None
        media_type = found
    return media_type, charset

"""Which media types are read, and how much of each."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

MEGABYTE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limit:
    """How many decompressed bytes of a body to read, and whether a longer one may be cut.

    The start of a page is enough for its preview; part of an image or a JSON text is useless.
    """

    max_bytes: int
    may_be_cut: bool = False


# Limits by media type, in lower case without parameters. Other types are not read.
Accepted = Mapping[str, Limit]

IMAGE_TYPES: Final = ("image/webp", "image/png", "image/jpeg", "image/gif")
# File stores use this for pictures of unknown type. The bytes show the real type.
OPAQUE_TYPE: Final = "application/octet-stream"
# Unregistered names in use, and the registered ones they mean.
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
        # These mean that the type is unknown (MIME Sniffing Standard, section 7).
        **dict.fromkeys(("unknown/unknown", "application/unknown"), ""),
    }
)
# Preview images of pages are smaller, camera photographs larger. A worker of 200 MB that fetches
# 32 links at once has no room for 32 of these.
MAX_IMAGE_BYTES: Final = 2 * MEGABYTE


def accept_images(max_bytes: int = MAX_IMAGE_BYTES) -> Accepted:
    """Accept the image types that thumbnails support, each up to *max_bytes*."""
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
    """Return the limit for a response of that type (empty: unnamed); None if it is not read.

    For pictures the bytes decide the type, as in browsers. A page means that the picture is
    gone.
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

    Of several values, which proxies join by commas, the last valid one counts, and keeps the
    previous one's charset if the type is the same (Fetch Standard, "extract a MIME type").
    Returns an empty type if there is none, and the registered name for common other names.
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

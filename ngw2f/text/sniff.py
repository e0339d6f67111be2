"""The media type of a body whose site names none (RFC 9110 section 8.3), as in browsers.

This is the MIME Sniffing Standard, section 7.1, narrowed to the types of previews; and that of an
upload, narrowed to types that no browser runs.
"""

import re
from typing import Final

# The length of the examined prefix (section 5.2).
HEADER_BYTES: Final = 1445
HTML: Final = re.compile(
    rb"[\t\n\f\r ]*+<(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b"
    rb"|body|br|p|!--)[ >]",
    re.IGNORECASE,
)
XHTML: Final = re.compile(rb"[\t\n\f\r ]*+<\?xml[^<]*(?:<![^<]*)*<html[\t\n\f\r >]")
# Section 6.1.
IMAGES: Final = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF.{4}WEBPVP", re.DOTALL), "image/webp"),
)
# Sections 6.2 and 6.4, and PDF (section 7.1).
OTHERS: Final = (
    (re.compile(rb"%PDF-"), "application/pdf"),
    (re.compile(rb"....ftyp(?:mp4|isom|iso2|avc1|M4V )", re.DOTALL), "video/mp4"),
    (re.compile(rb"\x1aE\xdf\xa3"), "video/webm"),
    (re.compile(rb"OggS\0"), "application/ogg"),
    (re.compile(rb"ID3"), "audio/mpeg"),
    (re.compile(rb"RIFF.{4}WAVE", re.DOTALL), "audio/wave"),
    (re.compile(rb"\x1f\x8b\x08"), "application/gzip"),
    (re.compile(rb"PK\x03\x04"), "application/zip"),
)
UNKNOWN: Final = "application/octet-stream"


def upload_media_type(head: bytes) -> str:
    """Return the media type of an upload that begins with *head*, UNKNOWN for all other types."""
    found = (media_type for magic, media_type in (*IMAGES, *OTHERS) if magic.match(head))
    return next(found, UNKNOWN)


def sniff_media_type(body: bytes, *, may_be_page: bool = True) -> str:
    """Return the media type that the first bytes of *body* indicate, or an empty one."""
    header = body[:HEADER_BYTES]
    if may_be_page and HTML.match(header):
        return "text/html"
    if may_be_page and XHTML.match(header):
        return "application/xhtml+xml"
    return next((media_type for magic, media_type in IMAGES if magic.match(header)), "")

"""Wipe what a picture says beside its pixels: where and when it was taken, by whom, with what.

It is overwritten in place, so that nothing has to be decoded, nor written again: a picture of
100 MB takes no memory, and its pixels stay as they are. Its colour profile and its orientation
stay too, and what follows its end is cut off.
"""

import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import IO, Final

from ngw2f.text.exif import keep_orientation

# A part has some kB: encoders of PNG write one for each 8 kB. One of many small ones is made to
# be slow.
MAX_PARTS: Final = 20_000
# GIF has parts of 255 bytes.
MAX_SMALL_PARTS: Final = 1_000_000
PIECE_BYTES: Final = 64 * 1024

# JPEG (ITU T.81, section B.1.1): markers without a length, and others that matter here.
ALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
START_OF_SCAN, END_OF_IMAGE, COMMENT, PROFILE = 0xDA, 0xD9, 0xFE, 0xE2
APPLICATIONS: Final = frozenset(range(0xE0, 0xF0))
# The applications' segments that say how it is shown (JFIF, and Adobe's colours), and how many
# bytes of each are kept: JFIF's without the pixels of its thumbnail.
KEPT_BY_JPEG: Final = MappingProxyType({(0xE0, b"JFIF\0"): 14, (0xEE, b"Adobe"): 12})
# In a scan, 0xFF is followed by 0 or the number of a restart.
IN_SCAN: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
# PNG (third edition, section 5.6): other parts that say how the pixels are shown. Upper case
# begins those without which nobody can show it.
SHOWN_BY_PNG: Final = frozenset(
    b"tRNS gAMA cHRM sRGB iCCP cICP mDCV cLLI mDCv cLLi bKGD pHYs sBIT sPLT hIST"
    b" acTL fcTL fdAT".split()
)
# Private, and safe to copy: of no meaning to anybody.
WIPED_BY_PNG: Final = b"zeRo"
# WebP (RFC 9649, section 2.7).
SHOWN_BY_WEBP: Final = frozenset((b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"))
# GIF89a: extensions and images; how an application repeats it.
EXTENSION, IMAGE, TRAILER, CONTROL, APPLICATION = 0x21, 0x2C, 0x3B, 0xF9, 0xFF
REPEATS: Final = frozenset((b"NETSCAPE2.0", b"ANIMEXTS1.0"))


class DamagedError(Exception):
    """The file is not a whole picture of its format; a part of it may be wiped."""


def wipe_metadata(file: IO[bytes], media_type: str) -> int:
    """Wipe the metadata of a file that is open for both; return where the picture ends.

    A type that is none of FORMATS is left as it is. Raises DamagedError, OSError.
    """
    size = file.seek(0, 2)
    wipe = FORMATS.get(media_type)
    return min(wipe(file, size), size) if wipe else size


def _read(file: IO[bytes], size: int) -> bytes:
    found = file.read(size)
    if len(found) < size:
        raise DamagedError
    return found


def _parts(most: int = MAX_PARTS) -> Iterator[None]:
    for _ in range(most):
        yield
    raise DamagedError


def _zeros(size: int) -> Iterator[bytes]:
    for left in range(size, 0, -PIECE_BYTES):
        yield bytes(min(left, PIECE_BYTES))


def _wipe(file: IO[bytes], size: int, *, is_exif: bool = False) -> None:
    """Overwrite what comes next, but for the orientation."""
    if is_exif:
        start = file.tell()
        kept = keep_orientation(_read(file, min(size, PIECE_BYTES)))
        file.seek(start)
        file.write(kept)
        size -= len(kept)
    for zeros in _zeros(size):
        file.write(zeros)


def _wipe_jpeg(file: IO[bytes], size: int) -> int:
    file.seek(2)
    parts = _parts()
    while True:
        next(parts)
        marker = _read_marker(file)
        if marker == END_OF_IMAGE:
            return file.tell()
        if marker in ALONE:
            continue
        length = int.from_bytes(_read(file, 2)) - 2
        start = file.tell()
        if length < 0 or start + length > size:
            raise DamagedError
        head = _read(file, min(length, 12))
        is_profile = marker == PROFILE and head == b"ICC_PROFILE\0"
        if (marker in APPLICATIONS or marker == COMMENT) and not is_profile:
            kept = min(KEPT_BY_JPEG.get((marker, head[:5]), 0), length)
            file.seek(start + kept)
            _wipe(file, length - kept, is_exif=head.startswith(b"Exif\0\0"))
        file.seek(start + length)
        if marker == START_OF_SCAN and not _skip_scan(file):
            return size  # It was cut off, and is shown as far as it goes.


def _read_marker(file: IO[bytes]) -> int:
    if _read(file, 1) != b"\xff":
        raise DamagedError
    while (marker := _read(file, 1)[0]) == 0xFF:
        pass
    return marker


def _skip_scan(file: IO[bytes]) -> bool:
    """Go to the marker that ends a scan; return whether there is one."""
    before = b""
    while piece := file.read(PIECE_BYTES):
        whole = before + piece
        if found := IN_SCAN.search(whole):
            file.seek(found.start() - len(whole), 1)
            return True
        before = piece[-1:]
    return False


def _wipe_png(file: IO[bytes], size: int) -> int:
    file.seek(8)
    parts = _parts()
    while True:
        next(parts)
        length, name = int.from_bytes(_read(file, 4)), _read(file, 4)
        start = file.tell()
        if start + length + 4 > size:
            raise DamagedError
        if name != WIPED_BY_PNG and name[0] & 0x20 and name not in SHOWN_BY_PNG:
            _wipe_chunk(file, start, length, name)
        file.seek(start + length + 4)
        if name == b"IEND":
            return file.tell()


def _wipe_chunk(file: IO[bytes], start: int, length: int, name: bytes) -> None:
    kept = b""
    if name == b"eXIf":
        kept = keep_orientation(_read(file, min(length, PIECE_BYTES)))
    name = name if any(kept) else WIPED_BY_PNG
    file.seek(start - 4)
    checksum = 0
    for piece in (name, kept, *_zeros(length - len(kept))):
        file.write(piece)
        checksum = zlib.crc32(piece, checksum)
    file.write(checksum.to_bytes(4))


def _wipe_webp(file: IO[bytes], size: int) -> int:
    file.seek(4)
    end = 8 + int.from_bytes(_read(file, 4), "little")
    if not 20 <= end <= size:  # A part has a head, at least.
        raise DamagedError
    file.seek(12)
    parts = _parts()
    while True:
        next(parts)
        if (start := file.tell() + 8) > end:
            return end
        name, length = _read(file, 4), int.from_bytes(_read(file, 4), "little")
        if start + length > end:
            raise DamagedError
        if name not in SHOWN_BY_WEBP:
            _wipe(file, length, is_exif=name == b"EXIF")
        file.seek(start + length + length % 2)


def _wipe_gif(file: IO[bytes], _size: int) -> int:
    file.seek(10)
    _skip_colours(file, _read(file, 3)[0])
    small = _parts(MAX_SMALL_PARTS)
    parts = _parts()
    while True:
        next(parts)
        (kind,) = _read(file, 1)
        if kind == TRAILER:
            return file.tell()
        if kind == IMAGE:
            _skip_colours(file, _read(file, 9)[8])
            _read(file, 1)
            _go_through(file, small, wipes=False)
        elif kind == EXTENSION:
            (label,) = _read(file, 1)
            is_shown = label == CONTROL
            if label == APPLICATION:
                is_shown = _read(file, _read(file, 1)[0]) in REPEATS
            _go_through(file, small, wipes=not is_shown)
        else:
            raise DamagedError


def _skip_colours(file: IO[bytes], flags: int) -> None:
    if flags & 0x80:
        file.seek(3 * 2 ** ((flags & 7) + 1), 1)


def _go_through(file: IO[bytes], small: Iterator[None], *, wipes: bool) -> None:
    while length := _read(file, 1)[0]:
        next(small)
        if wipes:
            _read(file, length)  # A picture that ends too early must not grow.
            file.seek(-length, 1)
            _wipe(file, length)
        else:
            file.seek(length, 1)


FORMATS: Final[Mapping[str, Callable[[IO[bytes], int], int]]] = MappingProxyType(
    {
        "image/jpeg": _wipe_jpeg,
        "image/png": _wipe_png,
        "image/webp": _wipe_webp,
        "image/gif": _wipe_gif,
    }
)

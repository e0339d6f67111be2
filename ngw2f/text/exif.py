"""EXIF: a picture's orientation, the only part of it that is visible.

Pillow would parse and rewrite all of it: a picture of a megabyte with 65,535 tags keeps it busy
for six seconds.
"""

from typing import Final, Literal

PREFIX: Final = b"Exif\0\0"
ORIENTATION: Final = 0x0112
# No camera writes more fields before this one: fields are sorted, and it is among the first.
MAX_FIELDS: Final = 256
FIELD_BYTES: Final = 12
# EXIF 2.32 section 4.6.4, "Orientation". 1 is upright.
UPRIGHT: Final = 1
TURNED: Final = range(2, 9)
# A TIFF (6.0, section 2) whose one directory has one field, of one SHORT, and then its value.
TIFF: Final = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"
TIFF_END: Final = bytes(6)


def read_orientation(exif: bytes) -> int:
    """Return the orientation in the first directory of a TIFF (6.0, section 2), default 1."""
    tiff = exif.removeprefix(PREFIX)
    if tiff[:2] not in (b"II", b"MM"):
        return UPRIGHT
    order: Literal["little", "big"] = "little" if tiff[:2] == b"II" else "big"

    def number(start: int, size: int) -> int:
        return int.from_bytes(tiff[start : start + size], order)

    directory = number(4, 4)
    for index in range(min(number(directory, 2), MAX_FIELDS)):
        field = directory + 2 + index * FIELD_BYTES
        if number(field, 2) == ORIENTATION:
            return number(field + 8, 2)
    return UPRIGHT


def keep_orientation(exif: bytes) -> bytes:
    """Return EXIF of the same length that has nothing but the orientation; zeros if it is short."""
    prefix = PREFIX if exif.startswith(PREFIX) else b""
    orientation = read_orientation(exif)
    orientation = orientation if orientation in TURNED else UPRIGHT
    small = prefix + TIFF + bytes([orientation]) + TIFF_END
    return (small if len(small) <= len(exif) else b"").ljust(len(exif), b"\0")

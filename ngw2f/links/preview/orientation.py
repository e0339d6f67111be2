"""Read a picture's orientation from its EXIF, the only part that is visible.

Pillow would parse and rewrite all of it: a picture of a megabyte with 65,535 tags keeps it busy
for six seconds.
"""

from types import MappingProxyType
from typing import Final, Literal

from PIL.Image import Transpose

ORIENTATION: Final = 0x0112
# No camera writes more fields before this one: fields are sorted, and it is among the first.
MAX_FIELDS: Final = 256
FIELD_BYTES: Final = 12

# EXIF 2.32 section 4.6.4, "Orientation". 1 is upright.
TURNS: Final = MappingProxyType(
    {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
)
ON_ITS_SIDE: Final = frozenset({5, 6, 7, 8})


def read_orientation(exif: bytes) -> int:
    """Return the orientation in the first directory of a TIFF (6.0, section 2), default 1."""
    tiff = exif.removeprefix(b"Exif\0\0")
    if tiff[:2] not in (b"II", b"MM"):
        return 1
    order: Literal["little", "big"] = "little" if tiff[:2] == b"II" else "big"

    def number(start: int, size: int) -> int:
        return int.from_bytes(tiff[start : start + size], order)

    directory = number(4, 4)
    for index in range(min(number(directory, 2), MAX_FIELDS)):
        field = directory + 2 + index * FIELD_BYTES
        if number(field, 2) == ORIENTATION:
            return number(field + 8, 2)
    return 1

"""How Pillow turns a picture upright."""

from types import MappingProxyType
from typing import Final

from PIL.Image import Transpose

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

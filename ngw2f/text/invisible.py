"""Invisible characters, which must not distinguish two names or two passwords."""

import unicodedata

# Default_Ignorable_Code_Point (UAX 44, DerivedCoreProperties.txt), which Python lacks.
# It already includes unassigned code points, so it hardly changes.
DEFAULT_IGNORABLE = (
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
# Control, format, surrogate, private use, unassigned; line and paragraph separators.
WITHOUT_SHAPE = ("C", "Zl", "Zp")


def is_ignorable(character: str) -> bool:
    """Return whether renderers that do not support the character show nothing."""
    code = ord(character)
    return any(first <= code <= last for first, last in DEFAULT_IGNORABLE)


def has_shape(character: str) -> bool:
    """Return whether the character is assigned and visible, or a space."""
    category = unicodedata.category(character)
    return not category.startswith(WITHOUT_SHAPE) and not is_ignorable(character)

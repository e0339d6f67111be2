"""Tell a JPEG that is decoded line by line from one whose coefficients are all kept (ITU T.81)."""

from typing import Final

# Pictures have some dozens before their first scan.
MAX_SEGMENTS: Final = 1_000
SEQUENTIAL: Final = frozenset({0xC0, 0xC1})
START_OF_SCAN: Final = 0xDA
# What else is before the scan of such a picture: tables, restarts, applications' own, comments.
# Anything else means another frame, or has no length, by which one could hide such a frame.
OTHERS: Final = frozenset({0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)})


def has_one_scan(body: bytes) -> bool:
    """Return whether the first scan of a sequential JPEG has all its components.

    Then libjpeg keeps some lines of it, instead of 2 bytes for each coefficient.
    """
    at, components = 2, 0
    for _ in range(MAX_SEGMENTS):
        head = body[at : at + 10]
        if len(head) < 10 or head[0] != 0xFF:
            return False
        if head[1] in SEQUENTIAL:
            components = head[9]
        elif head[1] == START_OF_SCAN:
            return head[4] == components > 0
        elif head[1] not in OTHERS:
            return False
        at += 2 + int.from_bytes(head[2:4])
    return False

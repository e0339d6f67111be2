"""Tell a JPEG that is decoded line by line from one whose coefficients are all kept (ITU T.81)."""

from typing import Final

# Pictures have some dozens before their first scan.
MAX_SEGMENTS: Final = 1_000
SEQUENTIAL: Final = frozenset({0xC0, 0xC1})
# Other frames: progressive, lossless, hierarchical, or with arithmetic coding.
OTHER_FRAMES: Final = frozenset(range(0xC2, 0xD0)) - {0xC4, 0xC8, 0xCC}
START_OF_SCAN: Final = 0xDA


def has_one_scan(body: bytes) -> bool:
    """Return whether the first scan of a sequential JPEG has all its components.

    Then libjpeg keeps some lines of it, instead of 2 bytes for each coefficient.
    """
    at, components = 2, 0
    for _ in range(MAX_SEGMENTS):
        head = body[at : at + 10]
        if len(head) < 10 or head[0] != 0xFF or head[1] in OTHER_FRAMES:
            return False
        if head[1] in SEQUENTIAL:
            components = head[9]
        elif head[1] == START_OF_SCAN:
            return head[4] == components > 0
        at += 2 + int.from_bytes(head[2:4])
    return False

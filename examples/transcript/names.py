"""Varying parts of a transcript: names in angle brackets, and their patterns."""

import re

# Varying values: a pattern, and whether the value is the same throughout the file. A suffix
# names another value of the same kind: <token-2>.
KINDS = {
    "date": (r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", False),
    "clock": (r"\d\d:\d\d:\d\d", False),
    "seconds": (r"\d+(?:\.\d+)?(?:e-\d+)?", False),
    "number": (r"\d+", False),
    "id": (r"[\w.:-]+", False),
    "text": (r"[^\r\n]*", False),
    "beats": (r"\r*", False),
    "modified": (r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", True),
    "etag": (r"[^\"]+", True),
    "token": (r"[\w.-]+", True),
    "task": (r"[\w-]+", True),
    "basic": (r"[\w+/=]+", True),
    # Set by the player: the last server's process, and a temporary directory.
    "pid": (r"\d+", True),
    "directory": (r"[^\s\"]+", True),
}
NAME = re.compile(rf"<((?:{'|'.join(KINDS)})(?:-\d+)?)>")


def filled(text: str, values: dict[str, str]) -> str:
    """Fill known values into a text."""
    return NAME.sub(lambda name: values.get(name[1], name[0]), text)


def pattern(text: str, end: str, values: dict[str, str]) -> re.Pattern[bytes]:
    """Return a pattern for a seen line; new names that stay constant become groups."""
    groups: set[str] = set()

    def expression(name: str) -> str:
        kind, is_same = KINDS[name.partition("-")[0]]
        group = group_of(name)
        if not is_same:
            return kind
        if name in values:
            return re.escape(values[name])
        if name in groups:
            return f"(?P={group})"
        groups.add(name)
        return f"(?P<{group}>{kind})"

    # Every second part is a name.
    parts = NAME.split(text)
    inner = "".join(expression(p) if i % 2 else re.escape(p) for i, p in enumerate(parts))
    return re.compile((inner + re.escape(end)).encode())


def group_of(name: str) -> str:
    return name.replace("-", "_")

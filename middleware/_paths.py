"""Paths as environ has them: bytes shown as latin-1 (PEP 3333, "A Note On String Types")."""

from __future__ import annotations

import re
from urllib.parse import quote
from wsgiref.types import WSGIEnvironment

# What may stand in a path as it is (RFC 3986 section 3.3).
PATH_CHARACTERS = "/:@!$&'()*+,;=~"
NOT_IN_A_URL = re.compile(r"[^\x21-\x7e]")
# Most paths are so, and this is quicker than to quote them.
NEEDS_NO_QUOTING = re.compile(r"[A-Za-z0-9/:@!$&'()*+,;=~._-]*")


def wsgi_path(path: str) -> str:
    """Give a path as `PATH_INFO` would have it; it must begin with a slash."""
    if not path.startswith("/"):
        raise ValueError(f"a path begins with a slash: {path!r}")
    return path.encode().decode("latin-1")


def wsgi_prefix(path: str) -> str:
    """Give a path for `below`: without a slash at its end, and more than the root."""
    prefix = wsgi_path(path).rstrip("/")
    if not prefix:
        raise ValueError("the root is a prefix of everything")
    return prefix


def first_segment(path: str) -> str:
    """Give what stands between the first two slashes of a path."""
    return path[1:].partition("/")[0]


def below(prefix: str, path: str) -> str | None:
    """Give the rest of a path under a prefix, which ends where a segment ends; None if elsewhere.

    Under `/api`, `/api/users` is `/users`, `/api` is empty, and `/apis` is elsewhere.
    """
    if not path.startswith(prefix):
        return None
    rest = path[len(prefix) :]
    return rest if not rest or rest[0] == "/" else None


def rest_at(old: str, path: str, *, whole: bool) -> str | None:
    """Give the rest of a path that is `old`, or below it if `whole`; None if it is neither."""
    if path == old:
        return ""
    return below(old, path) if whole else None


def quoted(path: str) -> str:
    """Give a path of environ as it stands in a URL, in one line and without spaces."""
    if NEEDS_NO_QUOTING.fullmatch(path):
        return path
    return quote(path, safe=PATH_CHARACTERS, encoding="latin-1")


def quoted_query(query: str) -> str:
    """Give a query of environ as it stands in a URL: what is written as an escape stays one."""
    return NOT_IN_A_URL.sub(lambda character: f"%{ord(character[0]):02X}", query)


def whole_path(environ: WSGIEnvironment) -> str:
    """Give the path that the client asked for, wherever it is divided by now."""
    path: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return path


def shift(environ: WSGIEnvironment, prefix: str, rest: str) -> None:
    """Move a prefix from `PATH_INFO` to `SCRIPT_NAME`, so that links made below keep it."""
    environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + prefix
    environ["PATH_INFO"] = rest

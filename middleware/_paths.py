"""Paths as environ has them: bytes shown as latin-1 (PEP 3333, "A Note On String Types")."""

from __future__ import annotations

import re
from urllib.parse import quote
from wsgiref.types import WSGIEnvironment

# What may stand in a path as it is (RFC 3986 section 3.3).
PATH_CHARACTERS = "/:@!$&'()*+,;=~"
NOT_IN_A_URL = re.compile(r"[^\x21-\x7e]")
DEFAULT_PORTS = {"http": ":80", "https": ":443"}
# Most paths need no quoting, and this test is quicker than quoting.
NEEDS_NO_QUOTING = re.compile(r"[A-Za-z0-9/:@!$&'()*+,;=~._-]*")


def wsgi_path(path: str) -> str:
    """Return a path in the form of `PATH_INFO`; it must begin with a slash."""
    if not path.startswith("/"):
        raise ValueError(f"a path must begin with a slash, not {path!r}")
    return path.encode().decode("latin-1")


def wsgi_prefix(path: str) -> str:
    """Return a prefix for `below`: without a trailing slash, and not the root."""
    prefix = wsgi_path(path).rstrip("/")
    if not prefix:
        raise ValueError("the root is not a prefix: everything is below it")
    return prefix


def normal_host(scheme: str, host: str) -> str:
    """Return a host in lower case, without a port that is empty or the scheme's own.

    RFC 9110 section 4.2.3, RFC 3986 section 6.2.3.
    """
    return host.lower().removesuffix(":").removesuffix(DEFAULT_PORTS.get(scheme, ""))


def first_segment(path: str) -> str:
    """Return the first segment of a path."""
    return path[1:].partition("/")[0]


def below(prefix: str, path: str) -> str | None:
    """Return the rest of a path below a prefix of whole segments; None if it is not below it.

    Below `/api`, `/api/users` is `/users` and `/api` is empty; `/apis` is not below it.
    """
    if not path.startswith(prefix):
        return None
    rest = path[len(prefix) :]
    return rest if not rest or rest[0] == "/" else None


def rest_at(old: str, path: str, *, whole: bool) -> str | None:
    """Return the rest of a path that is `old`, or below `old` if `whole`; otherwise None."""
    if path == old:
        return ""
    return below(old, path) if whole else None


def quoted(path: str) -> str:
    """Quote a path from environ for a URL: one line, without spaces."""
    if NEEDS_NO_QUOTING.fullmatch(path):
        return path
    return quote(path, safe=PATH_CHARACTERS, encoding="latin-1")


def quoted_query(query: str) -> str:
    """Quote a query from environ for a URL; escapes stay as they are."""
    return NOT_IN_A_URL.sub(lambda character: f"%{ord(character[0]):02X}", query)


def whole_path(environ: WSGIEnvironment) -> str:
    """Return the path that the client asked for: `SCRIPT_NAME` and `PATH_INFO` together."""
    path: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return path


def shift(environ: WSGIEnvironment, prefix: str, rest: str) -> None:
    """Move a prefix from `PATH_INFO` to `SCRIPT_NAME`, so that links made below keep it."""
    environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + prefix
    environ["PATH_INFO"] = rest

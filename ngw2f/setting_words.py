"""Describe in words what a setting may be, and what was written instead."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from msgspec import inspect

MAX_SHOWN_CHARACTERS = 60
MAX_PORT = 65_535


def allowed(annotation: object) -> str:
    """Return what a value of that type may be: the type's `description`, if it has one."""
    return _in_words(inspect.type_info(annotation))


def shown(value: object, longest: int = MAX_SHOWN_CHARACTERS) -> str:
    """Return a value as one line of bounded length."""
    text = repr(value)
    if len(text) > longest:
        return f"{text[:longest]}... ({len(text)} characters)"
    return text


def not_text(value: object) -> str:
    """Return why a text, or one in a list, cannot be in a file name, URL or key; "" if it can."""
    for text in value if isinstance(value, list) else [value]:
        if not isinstance(text, str):
            continue
        try:
            text.encode()
        except UnicodeEncodeError:
            return "it is not valid UTF-8"
        if "\0" in text:
            return "it has a NUL in it"
    return ""


def no_redis_url(url: str) -> str:
    """Return why redis-py would refuse a URL only later, or not check it; "" if it is good."""
    ports = re.findall(r":([0-9]+)[,/]", url.rpartition("@")[2])
    if url.startswith("redis+sentinel://") and any(int(port) > MAX_PORT for port in ports):
        return "the port of a sentinel is not a port"
    if not url.startswith(("redis://", "rediss://")):
        return ""
    hint = "(in a password, write special characters as %XX)"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        # What was parsed as a port may be the end of a password.
        return f"its port is not a port {hint}"
    if not re.fullmatch(r"/?[0-9]{0,9}", parts.path) or parts.fragment:
        return f"its database is not a number {hint}"
    return ""


def _in_words(kind: inspect.Type) -> str:
    match kind:
        case inspect.Metadata(type=inner, extra_json_schema=extra):
            return str((extra or {}).get("description") or _in_words(inner))
        case inspect.BoolType():
            return "true or false"
        case inspect.LiteralType(values=values):
            return _one_of(map(str, values))
        case inspect.ListType(item_type=item):
            return f"a list, and each of it {_in_words(item)}"
        case inspect.IntType():
            return f"a whole number{_bounds(kind)}"
        case inspect.FloatType():
            return f"a number{_bounds(kind)}"
        case inspect.StrType(min_length=1):
            return "text, and not empty"
        case inspect.StrType(max_length=int(longest)):
            return f"text of at most {longest} characters"
    return "text"


def _bounds(kind: inspect.IntType | inspect.FloatType) -> str:
    if kind.gt is not None:
        return f" above {kind.gt} and up to {kind.le}"
    return f" from {kind.ge} to {kind.le}"


def _one_of(words: Iterable[str]) -> str:
    *some, last = words
    return f"{', '.join(some)} or {last}"

"""Note what is wrong with environ and with `start_response`'s arguments while it can be seen.

Afterwards only text is kept of them, without secrets; the rest is for `middleware.xray.lint`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import chain
from operator import is_
from typing import Any

from middleware.headers import TOKEN
from middleware.xray.differences import Entries, differences_of_environs, retyped_entries
from middleware.xray.inputs import RecordedInput
from middleware.xray.values import UNSENDABLE
from middleware.xray.visit import Visit

STATUS = re.compile(r"[1-9][0-9][0-9] [\t\x20-\x7e\x80-\xff]*")

REQUIRED = frozenset(
    {
        "REQUEST_METHOD",
        "SERVER_NAME",
        "SERVER_PORT",
        "SERVER_PROTOCOL",
        "wsgi.version",
        "wsgi.url_scheme",
        "wsgi.input",
        "wsgi.errors",
        "wsgi.multithread",
        "wsgi.multiprocess",
        "wsgi.run_once",
    }
)
MISTAKES: dict[str, tuple[Callable[[Any], object], str]] = {
    "REQUEST_METHOD": (lambda value: not TOKEN.fullmatch(value), "is not a method"),
    "SERVER_NAME": (lambda value: not value, "is empty"),
    "SERVER_PORT": (lambda v: not (v.isascii() and v.isdigit()), "is not a number"),
    "SCRIPT_NAME": (lambda v: v == "/" or v[:1] not in ("", "/"), "is '/' or lacks its first '/'"),
    "PATH_INFO": (lambda value: value[:1] not in ("", "/", "*"), "lacks its first '/'"),
    "CONTENT_LENGTH": (lambda v: v and not (v.isascii() and v.isdigit()), "is not a number"),
    "HTTP_CONTENT_TYPE": (lambda value: True, "belongs into CONTENT_TYPE"),
    "HTTP_CONTENT_LENGTH": (lambda value: True, "belongs into CONTENT_LENGTH"),
}
WSGI_TYPES: dict[str, Callable[[Any], bool]] = {
    "wsgi.version": lambda value: type(value) is tuple,
    "wsgi.url_scheme": lambda value: type(value) is str,
    "wsgi.input": lambda value: has_all(value, "read", "readline", "readlines", "__iter__"),
    "wsgi.errors": lambda value: has_all(value, "write", "writelines", "flush"),
}


def has_all(value: object, *names: str) -> bool:
    return all(hasattr(value, name) for name in names)


def note_mistakes_of_environ(
    environ: Mapping[str, object], changed: Entries, removed: list[str], by: Visit
) -> None:
    """Note what the layer made wrong in the environ that it passes on."""
    if type(environ) is not dict and type(environ).__name__ != by.environ_type:
        by.note("environ-class", f"environ is of type {type(environ).__name__}, not dict")
    for name, _, value in changed:
        mistake = mistake_of(name, value) or mistake_of_length(name, value, environ)
        if mistake:
            by.note("environ-value", f"{name} {mistake}")
    for name in removed:
        # Of the two parts of the path, one must be there.
        is_path = name == "PATH_INFO" and not environ.get("SCRIPT_NAME")
        if name in REQUIRED or is_path:
            by.note("environ-value", f"{name} was removed")


def note_retyped(last: Visit) -> None:
    """Note values that were replaced by equal ones of another type, on the way to a visit.

    The environs of the visits above it were equal, up to one that has its own: mostly all their
    values are the same objects, which the last shows.
    """
    environ = last.raw_environ
    if last.raw_values is None or environ is None:
        return
    if all(map(is_, last.raw_values, environ.values())):
        return
    names, visit = [*environ], last
    while visit.raw_values is not None and visit.caller is not None:
        before = visit.caller.raw_values
        changed = retyped_entries(
            names, environ.values() if before is None else before, visit.raw_values
        )
        if changed:
            visit.received = differences_of_environs(environ, changed, [])
            note_mistakes_of_environ(environ, changed, [], visit.caller)
            # What is below compares itself with what was passed on to it.
            last.raw_environ = dict(zip(names, last.raw_values, strict=True))
        visit = visit.caller


def mistake_of(name: object, value: object) -> str:
    if type(name) is not str:
        return f"is a name of type {type(name).__name__}"
    if "." in name:
        is_right = WSGI_TYPES.get(name)
        return f"is of type {type(value).__name__}" if is_right and not is_right(value) else ""
    if type(value) is not str:
        return f"is of type {type(value).__name__}, not str"
    if not value.isascii() and any(ord(character) > 255 for character in value):
        return "has characters that are not latin-1"
    is_wrong, words = MISTAKES.get(name, (None, ""))
    return words if is_wrong is not None and is_wrong(value) else ""


def mistake_of_length(name: object, value: object, environ: Mapping[str, object]) -> str:
    """Return what is wrong with a CONTENT_LENGTH; empty if it is that of the stream."""
    stream = environ.get("wsgi.input")
    # Whoever has read it may say that nothing is there.
    if name != "CONTENT_LENGTH" or value in ("", "0") or type(stream) is not RecordedInput:
        return ""
    left = stream.left
    is_right = left is None or value == str(left)
    return "" if is_right else f"is {value}, but wsgi.input has {left} bytes"


def note_mistakes_of_status(status: Any, visit: Visit) -> None:
    """Note what is not a status line."""
    if type(status) is not str:
        visit.note("status-malformed", f"the status is of type {type(status).__name__}")
    elif not STATUS.fullmatch(status):
        visit.note("status-malformed", f"not a status line: {status[:40]!r}")


def note_mistakes_of_headers(headers: Any, visit: Visit) -> bool:
    """Note what is wrong with a header list; return whether it can be sent."""
    if type(headers) is not list:
        # Whoever takes an iterator's items leaves none to the server.
        visit.note("headers-type", what_is_wrong(headers))
        return False
    try:
        text = "".join(chain.from_iterable(headers))
        is_sound = {(tuple, 2)}.issuperset(zip(map(type, headers), map(len, headers), strict=True))
    except TypeError:
        is_sound = False
    if not is_sound:
        visit.note("headers-type", what_is_wrong(headers))
        text = "".join(part for pair in headers if is_pair_of_text(pair) for part in pair)
    if not UNSENDABLE.search(text):
        return is_sound
    pairs = [pair for pair in headers if is_pair_of_text(pair)]
    names = [name for name, value in pairs if UNSENDABLE.search(name + value)]
    visit.note("header-malformed", f"{names[0][:40]!r} has a character that cannot be sent")
    return False


def what_is_wrong(headers: Any) -> str:
    """Describe why the headers are not a list of pairs of text."""
    if type(headers) is not list:
        return f"the headers are of type {type(headers).__name__}, not list"
    pair = next(pair for pair in headers if not is_pair_of_text(pair))
    if type(pair) is not tuple or len(pair) != 2:
        return f"a header is of type {type(pair).__name__}, not a pair"
    wrong = next(part for part in pair if type(part) is not str)
    return f"the header {str(pair[0])[:40]!r} has a part of type {type(wrong).__name__}"


def is_pair_of_text(pair: Any) -> bool:
    return type(pair) is tuple and len(pair) == 2 and all(type(part) is str for part in pair)

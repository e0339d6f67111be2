"""How long a site says that its answer stays good (RFC 9111 section 4.2), within our own bounds."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

_DIRECTIVE: Final = re.compile(r"([\w-]+)(?:=\"?([^\",]*)\"?)?", re.ASCII)
_SECONDS: Final = re.compile(r"[0-9]{1,10}")
_FOREVER_SECONDS: Final = 2**31  # RFC 9111 section 1.2.2.


@dataclass(frozen=True, slots=True)
class Bounds:
    """The shortest, the longest, and the lifetime of what says nothing of it, in seconds."""

    shortest: int = 10 * 60
    longest: int = 7 * 24 * 3600
    unsaid: int = 24 * 3600


def lifetime_seconds(headers: Mapping[str, str], now: float, bounds: Bounds) -> int:
    """Read Cache-Control, Expires, Date and Age; what cannot be read counts as not said.

    A preview is shown to many readers, so this is a shared cache: `s-maxage` goes before `max-age`
    (section 5.2.2.10), and `private`, `no-store` and `no-cache` leave the shortest time. They do
    not leave none, since a preview is an extract that is made once, as for a person who copies it.
    `now` is in Unix seconds, and stands in for a missing Date.
    """
    said = _said_seconds(headers, now)
    if said is None:
        return bounds.unsaid
    return int(max(bounds.shortest, min(bounds.longest, said)))


def _said_seconds(headers: Mapping[str, str], now: float) -> float | None:
    directives = _parse_directives(headers.get("Cache-Control", ""))
    if not directives.keys().isdisjoint({"no-store", "no-cache", "private"}):
        return 0
    age = _parse_seconds(headers.get("Age", "")) or 0
    for name in ("s-maxage", "max-age"):
        seconds = _parse_seconds(directives.get(name, ""))
        if seconds is not None:
            return seconds - age
    if "Expires" not in headers:
        return None
    expires = _parse_date(headers["Expires"])
    if expires is None:
        return 0  # "0" above all: a date that cannot be read is in the past (section 5.3).
    return expires - (_parse_date(headers.get("Date", "")) or now) - age


def _parse_directives(value: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, argument in _DIRECTIVE.findall(value):
        found.setdefault(name.lower(), argument.strip())
    return found


def _parse_seconds(value: str) -> int | None:
    value = value.strip()
    if value.isdecimal() and len(value) > 10:
        return _FOREVER_SECONDS
    return min(int(value), _FOREVER_SECONDS) if _SECONDS.fullmatch(value) else None


def _parse_date(value: str) -> float | None:
    try:
        return parsedate_to_datetime(value[:64]).timestamp()
    except (ValueError, TypeError, OverflowError, OSError):
        return None

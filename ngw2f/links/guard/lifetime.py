"""How long a site says that its answer stays good (RFC 9111 section 4.2), within our own bounds."""

from collections.abc import Mapping
from dataclasses import dataclass

from middleware.cache import CachePolicy
from middleware.cache.freshness import age_value, control_of, explicit_lifetime


@dataclass(frozen=True, slots=True)
class Bounds:
    """The shortest and the longest lifetime, and that of an answer that states none; in seconds."""

    shortest: int = 10 * 60
    longest: int = 7 * 24 * 3600
    unsaid: int = 24 * 3600


def lifetime_seconds(headers: Mapping[str, str], now: float, bounds: Bounds) -> int:
    """Read Cache-Control, Expires, Date and Age as the cache in `middleware` does.

    A preview is shown to many readers, so this is a shared cache: `s-maxage` goes before `max-age`
    (section 5.2.2.10), and `private`, `no-store` and `no-cache` leave the shortest time. They do
    not leave none, since a preview is an extract that is made once, as for a person who copies it.
    A lifetime that cannot be read is 0, and so the shortest as well (section 4.2.1).
    `now` is in Unix seconds, and stands in for a missing Date.
    """
    pairs = list(headers.items())
    control = control_of(pairs, CachePolicy())
    directives = control.directives
    if directives.no_store or directives.no_cache or directives.private:
        return bounds.shortest
    stated = explicit_lifetime(pairs, control, now)
    if stated is None:
        return bounds.unsaid
    return max(bounds.shortest, min(bounds.longest, stated - age_value(pairs)))

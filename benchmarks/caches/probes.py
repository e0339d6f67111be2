"""What a cache does, asked over its port: one function for each clause."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from itertools import count
from urllib.parse import urlencode

SECONDS = 10
# Against hanging: how long a refresh in the background may take.
PATIENCE_SECONDS = 3.0
FRESH = "Cache-Control:max-age=60"
# As old as its lifetime and a second more when it comes.
OLD = "Age:61"
# Stale when a probe has waited; some count whole seconds.
BRIEF = "max-age=1"
# Some store a response after they have sent it.
PAUSE_SECONDS = 0.2
STALE_SECONDS = 2.1
TAGGED = 'ETag:"a"'

_numbers = count(1)


class Answer:
    """One response."""

    def __init__(self, connection: HTTPConnection) -> None:
        response = connection.getresponse()
        self.status = response.status
        self.fields = response.headers
        self.content = response.read()

    @property
    def number(self) -> bytes:
        """The call that made it."""
        return self.content[:8]


class Site:
    """A cache on a port, and a new path on it that nobody has requested yet."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.path = f"/probe{next(_numbers)}"

    def ask(
        self, *fields: str, method: str = "GET", path: str | None = None, **sent: str
    ) -> Answer:
        """Ask for a response with these fields; `sent` are the request's, with `_` for `-`."""
        own = ("sleep=", "fail=")
        options = [("h", pair) for pair in fields if not pair.startswith(own)]
        options += [pair.partition("=")[::2] for pair in fields if pair.startswith(own)]
        connection = HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        headers = {name.replace("_", "-"): value for name, value in sent.items()}
        try:
            time.sleep(PAUSE_SECONDS)
            connection.request(method, f"{path or self.path}?{urlencode(options)}", headers=headers)
            return Answer(connection)
        finally:
            connection.close()

    @property
    def calls(self) -> int:
        return int(self.ask(path=f"/calls{self.path}").content)


def max_age(site: Site) -> bool:
    return site.ask(FRESH).number == site.ask(FRESH).number


def heuristic(site: Site) -> bool:
    old = "Last-Modified:Thu, 01 Jan 2026 00:00:00 GMT"
    return site.ask(old).number == site.ask(old).number


def age_of_origin(site: Site) -> bool:
    return site.ask(FRESH, OLD).number != site.ask(FRESH, OLD).number


def age(site: Site) -> bool:
    site.ask(FRESH)
    return site.ask(FRESH).fields["Age"] is not None


def no_store(site: Site) -> bool:
    field = "Cache-Control:no-store"
    return site.ask(field).number != site.ask(field).number


def private(site: Site) -> bool:
    field = "Cache-Control:private, max-age=60"
    return site.ask(field).number != site.ask(field).number


def s_maxage(site: Site) -> bool:
    field = "Cache-Control:max-age=0, s-maxage=60"
    return site.ask(field).number == site.ask(field).number


def vary(site: Site) -> bool:
    one, other, again = (site.ask(FRESH, "Vary:X-Way", X_Way=way).number for way in "aba")
    return one == again != other


def authorization(site: Site) -> bool:
    one, other = (site.ask(FRESH, Authorization=f"Basic {who}").number for who in ("YTpi", "Yzpk"))
    return one != other


def set_cookie(site: Site) -> bool:
    one, other = (site.ask(FRESH, "Set-Cookie:a=b").number for _ in "ab")
    return one != other


def not_modified(site: Site) -> bool:
    site.ask(FRESH, TAGGED)
    return site.ask(FRESH, TAGGED, If_None_Match='"a"').status == 304 and site.calls == 1


def validates(site: Site) -> bool:
    fields = (f"Cache-Control:{BRIEF}", TAGGED)
    first = site.ask(*fields).number
    time.sleep(STALE_SECONDS)
    again = site.ask(*fields)
    return (again.status, again.number) == (200, first) and site.calls == 2


def ranges(site: Site) -> bool:
    site.ask(FRESH)
    part = site.ask(FRESH, Range="bytes=0-3")
    return (part.status, len(part.content), site.calls) == (206, 4, 1)


def head(site: Site) -> bool:
    site.ask(FRESH)
    return site.ask(FRESH, method="HEAD").status == 200 and site.calls == 1


def invalidates(site: Site) -> bool:
    one = site.ask(FRESH).number
    site.ask(FRESH, method="POST")
    return one != site.ask(FRESH).number


def request_no_cache(site: Site) -> bool:
    return site.ask(FRESH).number != site.ask(FRESH, Cache_Control="no-cache").number


def only_if_cached(site: Site) -> bool:
    return site.ask(FRESH, Cache_Control="only-if-cached").status == 504


def while_revalidating(site: Site) -> bool:
    fields = (f"Cache-Control:{BRIEF}, stale-while-revalidate=600",)
    first = site.ask(*fields).number
    time.sleep(STALE_SECONDS)
    if site.ask(*fields).number != first:
        return False
    return _in_time(lambda: site.calls == 2)


def if_error(site: Site) -> bool:
    fields = (f"Cache-Control:{BRIEF}, stale-if-error=600", "fail=2")
    first = site.ask(*fields).number
    time.sleep(STALE_SECONDS)
    again = site.ask(*fields)
    return (again.status, again.number) == (200, first) and site.calls == 2


def collapses(site: Site) -> bool:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: site.ask(FRESH, "sleep=0.9"), range(8)))
    return site.calls == 1


def cache_status(site: Site) -> bool:
    site.ask(FRESH)
    return "hit" in (site.ask(FRESH).fields["Cache-Status"] or "")


def groups(site: Site) -> bool:
    fields = (FRESH, 'Cache-Groups:"g"')
    one = site.ask(*fields).number
    site.ask('Cache-Group-Invalidation:"g"', method="POST", path=f"{site.path}/other")
    return one != site.ask(*fields).number and max_age(Site(site.port))


def _in_time(is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if is_so():
            return True
        time.sleep(0.05)
    return False


# What it is, its clause, and how it is seen. Not storing counts only with `max_age`.
PROBES: Sequence[tuple[str, str, Callable[[Site], bool]]] = (
    ("fresh by `max-age`", "9111 4.2.1", max_age),
    ("fresh by `s-maxage`", "9111 5.2.2.10", s_maxage),
    ("fresh by heuristics", "9111 4.2.2", heuristic),
    ("`no-store`", "9111 5.2.2.5", no_store),
    ("`private`", "9111 5.2.2.7", private),
    ("`Vary`", "9111 4.1", vary),
    ("not across `Authorization`", "9111 3.5", authorization),
    ("no `Set-Cookie` for all", "9111 7.3", set_cookie),
    ("sends `Age`", "9111 5.1", age),
    ("counts the origin's `Age`", "9111 4.2.3", age_of_origin),
    ("304 to `If-None-Match`", "9111 4.3.2", not_modified),
    ("validates when stale", "9111 4.3.1", validates),
    ("206 out of a stored 200", "9110 14", ranges),
    ("HEAD out of a stored GET", "9111 4", head),
    ("POST invalidates", "9111 4.4", invalidates),
    ("request's `no-cache`", "9111 5.2.1.4", request_no_cache),
    ("request's `only-if-cached`", "9111 5.2.1.7", only_if_cached),
    ("one request for many that wait", "9111 4", collapses),
    ("`stale-while-revalidate`", "5861 3", while_revalidating),
    ("`stale-if-error`", "5861 4", if_error),
    ("`Cache-Status`", "9211", cache_status),
    ("`Cache-Groups`", "9875", groups),
)

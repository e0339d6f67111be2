"""What a web worker counts for each request; gunicorn's hooks call it before and after."""

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from ngw2f.observe.metrics.families import CACHE, REQUEST_SECONDS, REQUESTS
from ngw2f.observe.metrics.tally import Tally, note
from ngw2f.paths import LONG_LIVED

# The environ key in which the cache reports what it did.
CACHE_STATUS = "middleware.cache.status"
# Clients could invent any other method, and a series for each would fill the memory.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})
# For how many paths to remember the route.
REMEMBERED_PATHS = 4_096


class RequestMetrics:
    """Counts requests by route, which is a pattern of the URL map and never a path."""

    def __init__(self, tally: Tally, route_of: Callable[[str], str]) -> None:
        self._route_of = lru_cache(REMEMBERED_PATHS)(route_of)
        self._requests = tally.values(REQUESTS)
        self._seconds = tally.buckets(REQUEST_SECONDS)
        self._cache = tally.values(CACHE)

    @staticmethod
    def begin(request: Any) -> None:
        """Note when one of gunicorn's requests has arrived."""
        request.began_at = time.perf_counter()

    def end(self, request: Any, environ: dict[str, Any], response: Any) -> None:
        """Count a request after its response; without a *response* there was no valid request."""
        if response is None:
            return
        route = self._route_of(environ["PATH_INFO"])
        method = environ["REQUEST_METHOD"]
        # A WebSocket is answered without gunicorn, which then has no status.
        status = response.status[:3] if response.status else "101"
        self._requests[method if method in METHODS else "other", route, status] += 1
        if route not in LONG_LIVED:
            note(self._seconds[(route,)], time.perf_counter() - request.began_at)
        cache_status = environ.get(CACHE_STATUS)
        if cache_status is not None:
            outcome = "hit" if "; hit" in cache_status else _why_forwarded(cache_status)
            self._cache[(outcome,)] += 1


def _why_forwarded(cache_status: str) -> str:
    """Return why a request was forwarded ("uri-miss", "vary-miss", "stale", ...)."""
    _, _, parameters = cache_status.partition("; ")
    first, _, _ = parameters.partition(";")
    return first.removeprefix("fwd=")

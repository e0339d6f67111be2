"""Purge over HTTP: the method PURGE, for whoever has the token."""

import hmac
import math
import threading
import time
from collections.abc import Callable, Iterable
from wsgiref.types import StartResponse

from middleware._options import function_of
from middleware._wsgi import Headers
from middleware.cache.invalidation import group_names, group_of_origin
from middleware.cache.key import KeyMaker
from middleware.cache.parts import Environ
from middleware.cache.prefixes import prefix_group
from middleware.cache.purging import WILDCARD
from middleware.cache.stores.base import Store

# A shorter token can be guessed.
_TOKEN_CHARACTERS = 16


class PurgeRequests:
    """Answers PURGE in place of the application; give it to the cache as `purge_requests`.

    `PURGE /a` purges that URI, `PURGE /a/*` it and all below, with every query. A field
    `Cache-Group-Invalidation` in the request, as RFC 9875 section 3 writes it, purges groups of
    the origin besides. The response repeats the field: PURGE is an unsafe method, so caches
    on the way drop the URI (RFC 9111 section 4.4) and the groups as well.

    - 200: purged, in all processes that share the store or its clock.
    - 202: this process serves none of it any more, others once the store can be reached.
    - 400: not to be understood. 401: not allowed. 429: too often, with `Retry-After`.

    **Options.**

    - `is_allowed`: decides by environ who may purge, such as `bearer(token)`.
    - `per_minute`: how many purges this process takes in a minute, as many at once; more would keep
      the cache empty. Requests that are not allowed do not count. A `RateLimitMiddleware`
      outside limits them by client, across processes.
    - `now`: returns the time in seconds; for tests.
    """

    def __init__(
        self,
        is_allowed: Callable[[Environ], bool],
        *,
        per_minute: int = 60,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        if is_allowed is None:
            raise TypeError("is_allowed must be a function: without one, anybody could purge")
        if per_minute < 1:
            raise ValueError(f"per_minute must be at least 1, not {per_minute!r}")
        self._is_allowed = function_of("is_allowed", is_allowed)
        self._per_minute = per_minute
        self._now = now
        self._lock = threading.Lock()
        self._left = float(per_minute)
        self._counted = now()

    def answer(
        self, environ: Environ, start_response: StartResponse, store: Store, keys: KeyMaker
    ) -> Iterable[bytes]:
        """Answer one request with the method PURGE."""
        status, headers, text = self._purge(environ, store, keys)
        content = f"{text}\n".encode("utf-8", "backslashreplace")
        length = ("Content-Length", str(len(content)))
        kind = ("Content-Type", "text/plain; charset=utf-8")
        start_response(status, [*headers, kind, length])
        return [content]

    def _purge(self, environ: Environ, store: Store, keys: KeyMaker) -> tuple[str, Headers, str]:
        if not self._is_allowed(environ):
            # RFC 9110 section 11.6.1.
            challenge = [("WWW-Authenticate", 'Bearer realm="purge"')]
            return "401 Unauthorized", challenge, "PURGE needs a token."
        wait = self._seconds_to_wait()
        if wait:
            return "429 Too Many Requests", [("Retry-After", str(wait))], "Too many purges."
        uri = keys.uri(environ, to_store=False)
        key = None if uri is None else keys.of_uri(uri)
        if key is None:
            return "400 Bad Request", [], "Nothing is stored under this host or path."
        path, _, query = key.partition("?")
        if path.endswith("*") and (query or not path.endswith(WILDCARD)):
            return "400 Bad Request", [], 'A prefix ends with "/*", and has no query.'
        field = environ.get("HTTP_CACHE_GROUP_INVALIDATION")
        headers = [] if field is None else [("Cache-Group-Invalidation", field)]
        groups = group_names(headers, "cache-group-invalidation")
        if field is not None and not groups:
            return "400 Bad Request", [], 'Groups are a list of strings, as in "a", "b".'
        is_prefix = path.endswith(WILDCARD)
        name = prefix_group(path.removesuffix(WILDCARD)) if is_prefix else key
        is_done = store.drop([name, *(group_of_origin(key, group) for group in groups)])
        if is_done is False:
            return "202 Accepted", headers, "The store cannot be reached; it will be purged."
        return "200 OK", headers, " ".join(["Purged", key, *groups])

    def _seconds_to_wait(self) -> int:
        """Count one more purge; return in how many seconds to come again, 0 if now is right."""
        with self._lock:
            now = self._now()
            refilled = self._left + (now - self._counted) * self._per_minute / 60
            self._left, self._counted = min(float(self._per_minute), refilled), now
            if self._left >= 1:
                self._left -= 1
                return 0
            return math.ceil((1 - self._left) * 60 / self._per_minute)


def bearer(token: str) -> Callable[[Environ], bool]:
    """Return a function that allows requests with this token: `Authorization: Bearer TOKEN`.

    Raises `ValueError` for a token of fewer than 16 characters, or with a space or
    anything beyond ASCII.
    """
    if len(token) < _TOKEN_CHARACTERS or not token.isascii() or not token.isprintable():
        raise ValueError(f"a token has at least {_TOKEN_CHARACTERS} characters, all of them ASCII")
    if " " in token:
        raise ValueError("a token has no space")

    def is_allowed(environ: Environ) -> bool:
        scheme, _, given = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        is_token = hmac.compare_digest(given.strip(" ").encode("latin-1", "replace"), expected)
        return is_token and scheme.lower() == "bearer"

    expected = token.encode()
    return is_allowed

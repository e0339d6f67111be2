"""The parts of one cache, passed to everything that serves a request."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from wsgiref.types import WSGIApplication

from middleware._wsgi import Headers
from middleware.cache.collapsing import Flights
from middleware.cache.directives import RequestDirectives, parse_request_directives
from middleware.cache.hooks import VaryHook, apply_vary_hooks
from middleware.cache.key import KeyMaker
from middleware.cache.policy import CachePolicy
from middleware.cache.status import CacheStatus
from middleware.cache.stores.base import Store

STATUS_KEY = "middleware.cache.status"
BACKGROUND_KEY = "middleware.cache.background"

Environ = dict[str, Any]

# The request's header fields in environ, and the method.
_FIELD_PREFIXES = ("HTTP_", "CONTENT_", "REQUEST_METHOD")


@dataclass(frozen=True, slots=True)
class Parts:
    """The fixed parts of one cache."""

    app: WSGIApplication
    store: Store
    keys: KeyMaker
    # By environ key.
    vary: Mapping[str, VaryHook]
    policy: CachePolicy
    flights: Flights
    status: CacheStatus
    time: Callable[[], float]
    disconnected: tuple[type[Exception], ...]
    finish_seconds: float
    send_status: bool

    def with_status(self, headers: Headers, text: str) -> Headers:
        """Copy the list, and add Cache-Status unless `send_status` is off."""
        return [*headers, ("Cache-Status", text)] if self.send_status else list(headers)


class Request:
    """What the cache reads from a request before the application may change environ."""

    __slots__ = (
        "asked", "authenticated", "environ", "fields", "key", "method", "range", "selecting"
    )  # fmt: skip

    def __init__(self, environ: Environ, key: str, vary: Mapping[str, VaryHook]) -> None:
        self.environ = environ
        self.key = key
        self.method: str = environ["REQUEST_METHOD"]
        # A copy: the layers below may change environ, and Vary is known only after that.
        self.fields: Environ = {
            name: value for name, value in environ.items() if name.startswith(_FIELD_PREFIXES)
        }
        # The values that select a stored response (RFC 9111 section 4.1).
        self.selecting = apply_vary_hooks(vary, self.fields) if vary else self.fields
        self.range: str | None = environ.get("HTTP_RANGE") if self.method == "GET" else None
        self.asked: RequestDirectives = parse_request_directives(
            environ.get("HTTP_CACHE_CONTROL"), environ.get("HTTP_PRAGMA")
        )
        # A server or an outer middleware may sign a user in without any Authorization.
        self.authenticated = "HTTP_AUTHORIZATION" in environ or bool(environ.get("REMOTE_USER"))


def code_of(status: str) -> int:
    """Return the status code; 0 if there is none, which the server will refuse."""
    return int(status[:3]) if status[:3].isdigit() else 0

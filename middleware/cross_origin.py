"""Refuse requests that another site makes a browser send."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from middleware._options import names_of
from middleware._paths import DEFAULT_PORTS, below, normal_host, wsgi_prefix
from middleware.answer import Answer

# RFC 9110 section 9.2.1.
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# A scheme, and a name, an IPv4 or an IPv6 address (RFC 6454 section 6.2), all in ASCII.
ORIGIN = re.compile(
    r"([a-z][a-z0-9+.-]*)://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?"
)
PORTS = range(1, 65_536)

FROM_ANOTHER_SITE = Answer(
    "403 Forbidden",
    "Refused: the browser says that another site sent this request (Sec-Fetch-Site).\n",
)
FROM_ANOTHER_ORIGIN = Answer(
    "403 Forbidden",
    "Refused: this request comes from another origin than it goes to (Origin, Host).\n",
)


class CrossOriginGuardMiddleware:
    """Refuse unsafe requests that come from another origin; forms need no token.

    Request: passes unchanged, or gets a 403 that says why. Response: passes unchanged.

    A request that changes something (any method but GET, HEAD, OPTIONS and TRACE), or that opens a
    WebSocket, passes if one of these is true, checked in this order:

    1. `Sec-Fetch-Site` is `same-origin`, or `none`: no other site caused it. No page can set it.
    2. There is neither `Sec-Fetch-Site` nor `Origin`: the client is not a browser.
    3. There is no `Sec-Fetch-Site`, and the host of `Origin` is the one in `Host`: an older
       browser, or a connection without TLS, on which browsers send no `Sec-Fetch-Site`.
    4. `Origin` is one of `trusted_origins`.
    5. It is exempt: its path is below one of `exempt_paths`, or `is_exempt(environ)`.

    `trusted_origins`: as browsers write them, `https://example.org`; none by default.
    `exempt_paths`, `is_exempt`: for requests that come from elsewhere with proof of their own,
        such as a signed webhook; none by default.

    Reads `REQUEST_METHOD`, `PATH_INFO`, `HTTP_UPGRADE`, `HTTP_SEC_FETCH_SITE`, `HTTP_ORIGIN`,
    `HTTP_HOST`; writes nothing.

    Place: inside trusted proxy and pre-routing, which settle host, path and method; outside
    everything that acts on a request.

    Rules: Fetch Metadata Request Headers, section 2.3; RFC 6454 sections 4 and 7 (`Origin`); RFC
    9110 section 9.2.1 (safe methods); RFC 6455 section 10.2 (the origin of a WebSocket).

    It does not compare the scheme in 3, which an application behind a proxy may not know; with
    HSTS there is no page without TLS. It answers no CORS preflight: `CORSMiddleware` does. It does
    not protect an application that changes something on GET.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        trusted_origins: Iterable[str] = (),
        exempt_paths: Iterable[str] = (),
        is_exempt: Callable[[WSGIEnvironment], bool] = lambda environ: False,
    ) -> None:
        self.app = app
        self.trusted_origins = checked_origins("trusted_origins", trusted_origins)
        exempt_paths = names_of("exempt_paths", exempt_paths)
        self.exempt_paths = tuple(wsgi_prefix(path) for path in exempt_paths)
        self.is_exempt = is_exempt

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] in SAFE_METHODS and "HTTP_UPGRADE" not in environ:
            return self.app(environ, start_response)
        refusal = self.refusal(environ)
        return (self.app if refusal is None else refusal)(environ, start_response)

    def refusal(self, environ: WSGIEnvironment) -> Answer | None:
        """Return the answer to a request that may not pass; None if it may."""
        site = environ.get("HTTP_SEC_FETCH_SITE")
        origin = environ.get("HTTP_ORIGIN")
        if site in {"same-origin", "none"}:
            return None
        if site is None and (origin is None or is_same_host(origin, environ.get("HTTP_HOST", ""))):
            return None
        if origin is not None and origin.lower() in self.trusted_origins:
            return None
        path = environ.get("PATH_INFO", "")
        if any(below(prefix, path) is not None for prefix in self.exempt_paths):
            return None
        if self.is_exempt(environ):
            return None
        return FROM_ANOTHER_ORIGIN if site is None else FROM_ANOTHER_SITE


def is_same_host(origin: str, host: str) -> bool:
    """Return whether an origin has this host and port; the origin `null` has none."""
    scheme, _, authority = origin.lower().partition("://")
    return bool(authority) and authority == normal_host(scheme, host)


def checked_origins(option: str, origins: Iterable[str]) -> frozenset[str]:
    """Return an option's origins. Raises `TypeError`, or `ValueError` for a wrong one."""
    return frozenset(checked_origin(origin) for origin in names_of(option, origins))


def checked_origin(origin: str) -> str:
    """Return an origin in the form that browsers send; `ValueError` if they never send it.

    They send lower case, and no port that is the scheme's own (RFC 6454 section 6.2).
    """
    lower = origin.lower()
    found = ORIGIN.fullmatch(lower)
    if not found or int(found[2] or 1) not in PORTS:
        raise ValueError(f"not an origin, as in https://example.org: {origin!r}")
    if f":{found[2]}" == DEFAULT_PORTS.get(found[1]):
        raise ValueError(f"browsers leave out the port of {found[1]}: {origin!r}")
    return lower

"""Let pages of other origins call an application: the CORS protocol of browsers.

Environ keys written: `middleware.cors.origin`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from middleware._fields import names_in, with_vary, without
from middleware._options import names_of
from middleware._paths import wsgi_prefix
from middleware._wsgi import Headers, changing_headers
from middleware.answer import Answer
from middleware.cross_origin import checked_origins, is_same_host

KEY = "middleware.cors.origin"
# What makes an OPTIONS request a preflight, beside Origin.
REQUESTED_METHOD = "HTTP_ACCESS_CONTROL_REQUEST_METHOD"

VARY = ("Vary", "Origin")
ALLOW_ORIGIN = "Access-Control-Allow-Origin"
CREDENTIALS = ("access-control-allow-credentials",)
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
# Without a preflight, a page may send neither credentials of its own nor JSON.
REQUEST_FIELDS = ("Authorization", "Content-Type")
# The longest that Chromium takes.
TWO_HOURS = 2 * 60 * 60


class CORSMiddleware:
    """Let pages of trusted origins send requests and read the responses, errors included.

    Request: a preflight of a trusted origin is answered with a 204. Its other requests pass with
    their origin in environ, and without `Cookie`. All others pass unchanged.
    Response: to a trusted origin, gets `Access-Control-Allow-Origin` and
    `Access-Control-Expose-Headers`, unless the application sent the former itself. Every one gets
    `Vary: Origin`, so that no cache answers one origin with what was meant for another, or none.

    `trusted_origins`: as browsers write them, `https://example.org`; compared exactly. The origin
        `null` is never trusted: every sandboxed frame of any site has it.
    `paths`: only what is at or below these; everything by default.
    `methods`, `request_fields`, `response_fields`: what a page may send, and read, beyond what any
        page may.
    `max_age_seconds`: how long a browser remembers the answer to a preflight.

    Reads `PATH_INFO`, `REQUEST_METHOD`, `HTTP_ORIGIN`, `HTTP_HOST`,
    `HTTP_ACCESS_CONTROL_REQUEST_METHOD`; deletes `HTTP_COOKIE`; writes `middleware.cors.origin`.

    Place: inside the trusted proxy, which settles the host; outside whatever may answer, the error
    boundary, the cross-origin guard and any cache included. A guard below needs
    `is_exempt=is_from_trusted_origin`.

    Rules: Fetch Standard, "CORS protocol" and "CORS protocol and HTTP caches"; RFC 9110 section
    12.5.5 (`Vary`).

    It never sends `Access-Control-Allow-Credentials`. A cookie is the user's own session with this
    site, which a page of another origin has no part in; it sends a token in `Authorization`, which
    is not a credential in the sense of CORS. A cookie that the browser sends all the same, as it
    does between origins of one site, is deleted, so that no page can act with it unseen.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        trusted_origins: Iterable[str] = (),
        paths: Iterable[str] = (),
        methods: Iterable[str] = METHODS,
        request_fields: Iterable[str] = REQUEST_FIELDS,
        response_fields: Iterable[str] = (),
        max_age_seconds: int = TWO_HOURS,
    ) -> None:
        self.app = app
        origins = checked_origins("trusted_origins", trusted_origins)
        prefixes = [re.escape(wsgi_prefix(path)) for path in names_of("paths", paths)]
        self.is_shared = re.compile(rf"(?:{'|'.join(prefixes)})(?:/|\Z)" if prefixes else "").match
        allowed = [
            ("Access-Control-Allow-Methods", listed("methods", methods)),
            ("Access-Control-Allow-Headers", listed("request_fields", request_fields)),
            ("Access-Control-Max-Age", str(max_age_seconds)),
            VARY,
        ]
        exposed = ("Access-Control-Expose-Headers", listed("response_fields", response_fields))
        # What each origin gets.
        self.fields: dict[str, Headers] = {}
        self.preflights: dict[str, Answer] = {}
        for origin in origins:
            own = (ALLOW_ORIGIN, origin)
            self.fields[origin] = [own, exposed] if exposed[1] else [own]
            fields = [own, *(line for line in allowed if line[1])]
            self.preflights[origin] = Answer("204 No Content", headers=fields)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not self.is_shared(environ.get("PATH_INFO", "")):
            return self.app(environ, start_response)
        fields = self.fields.get(environ.get("HTTP_ORIGIN", ""))
        if fields is None or is_same_host(fields[0][1], environ.get("HTTP_HOST", "")):
            return self.app(environ, changing_headers(start_response, with_vary_by_origin))
        origin = fields[0][1]
        if environ["REQUEST_METHOD"] == "OPTIONS" and REQUESTED_METHOD in environ:
            return self.preflights[origin](environ, start_response)
        environ[KEY] = origin
        environ.pop("HTTP_COOKIE", None)

        def with_fields(status: str, headers: Headers) -> Headers:
            if ALLOW_ORIGIN.lower() in names_in(headers):
                return with_vary_by_origin(status, headers)
            return with_vary_by_origin(status, [*without(headers, CREDENTIALS), *fields])

        return self.app(environ, changing_headers(start_response, with_fields))


def is_from_trusted_origin(environ: WSGIEnvironment) -> bool:
    """Return whether a page of a trusted origin sent the request."""
    return KEY in environ


def with_vary_by_origin(_status: str, headers: Headers) -> Headers:
    """Copy the list with `Vary: Origin`; most have no `Vary` yet."""
    if "vary" in names_in(headers):
        return with_vary(headers, "Origin")
    return [*headers, VARY]


def listed(option: str, names: Iterable[str]) -> str:
    """Return methods or names of fields as one value; `ValueError` if one could never match."""
    found = names_of(option, names)
    for name in found:
        if not TOKEN.fullmatch(name):
            raise ValueError(f"{option}: not a name: {name!r}")
    return ", ".join(found)

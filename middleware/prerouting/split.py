"""Show different variants to different clients, and always the same one to the same client."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from itertools import accumulate
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from middleware._fields import with_vary
from middleware._wsgi import Headers, changing_headers
from middleware.headers import TOKEN

MONTH = 30 * 24 * 60 * 60


class Split:
    """Draw a variant for each new client, and remember it in a cookie.

    `name`: the experiment's name, a token; the cookie is `split-NAME`.
    `weights`: variants and how often each is drawn, as whole numbers: `{"old": 9, "new": 1}`.
    `apps`: the application for each variant; for a variant without one, the application below
        answers, and finds the variant in environ.
    `max_age_seconds`: how long a client keeps its variant; 30 days unless given.

    Response: `Vary: Cookie`, and `Set-Cookie` for a client that had no variant; the cookie is
    `HttpOnly`, `SameSite=Lax`, and over TLS `Secure`. A shared cache stores no response with it.

    Environ: reads `HTTP_COOKIE` and `wsgi.url_scheme`, writes `middleware.split.NAME`.
    It ends the search for a rule, so it should be the last.

    Rules: RFC 6265 section 4.1 (`Set-Cookie`), RFC 9110 section 12.5.5 (`Vary`). A cookie that
    names no current variant is replaced.
    """

    segments = None

    def __init__(
        self,
        name: str,
        weights: Mapping[str, int],
        *,
        apps: Mapping[str, WSGIApplication] | None = None,
        max_age_seconds: int = MONTH,
    ) -> None:
        if not all(TOKEN.fullmatch(token) for token in (name, *weights)):
            raise ValueError("names of experiments and variants must be tokens")
        if sum(weights.values()) < 1 or min(weights.values()) < 0:
            raise ValueError("weights must be whole numbers, and not all zero")
        if unknown := set(apps or ()) - set(weights):
            raise ValueError(f"apps: there is no variant {unknown.pop()!r}")
        self.cookie = f"split-{name}"
        self.key = f"middleware.split.{name}"
        self.bounds = list(zip(accumulate(weights.values()), weights, strict=True))
        self.variants = frozenset(weights)
        self.apps = dict(apps or {})
        self.attributes = f"; Path=/; Max-Age={max_age_seconds}; HttpOnly; SameSite=Lax"

    def route(self, environ: WSGIEnvironment, app: WSGIApplication) -> WSGIApplication | None:
        kept = self.kept_variant(environ.get("HTTP_COOKIE", ""))
        variant = environ[self.key] = kept or self.draw()
        added = [] if kept else [("Set-Cookie", self.set_cookie(environ, variant))]
        target = self.apps.get(variant, app)

        def split(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            def with_cookie(status: str, headers: Headers) -> Headers:
                return [*with_vary(headers, "Cookie"), *added]

            return target(environ, changing_headers(start_response, with_cookie))

        return split

    def kept_variant(self, cookies: str) -> str | None:
        """Return the variant that the client has seen before, or None."""
        if self.cookie not in cookies:
            return None
        for cookie in cookies.split(";"):
            name, _, value = cookie.strip().partition("=")
            if name == self.cookie and value in self.variants:
                return value
        return None

    def draw(self) -> str:
        """Draw a variant by its weight."""
        drawn = secrets.randbelow(self.bounds[-1][0])
        return next(variant for bound, variant in self.bounds if drawn < bound)

    def set_cookie(self, environ: WSGIEnvironment, variant: str) -> str:
        secure = "; Secure" if environ["wsgi.url_scheme"] == "https" else ""
        return f"{self.cookie}={variant}{self.attributes}{secure}"

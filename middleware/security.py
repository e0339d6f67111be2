"""Send the headers by which a browser protects a site."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from middleware._fields import names_in
from middleware._options import names_of
from middleware._wsgi import Headers, changing_headers
from middleware.headers import checked

# What a page usually needs, from its own origin only; nothing inline, and no page may frame it.
STRICT_CONTENT_POLICY: Mapping[str, str] = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "font-src": "'self'",
    "media-src": "'self'",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
# Features for which a browser asks the user: none is allowed.
NO_PERMISSIONS = ("camera", "display-capture", "geolocation", "microphone", "payment", "usb")
TWO_YEARS = 2 * 365 * 24 * 60 * 60


@dataclass(frozen=True)
class SecurityPolicy:
    """What a browser may do with the site; the defaults are the strictest that still work."""

    # Directives of the Content-Security-Policy. A changed copy of the strict one is usual:
    # {**STRICT_CONTENT_POLICY, "img-src": "'self' https:"}.
    content: Mapping[str, str] = field(default_factory=lambda: STRICT_CONTENT_POLICY)
    # For how many seconds a browser must use TLS only; 0 makes it forget that.
    # Two years is what the preload lists ask for.
    transport_seconds: int = TWO_YEARS
    transport_subdomains: bool = True
    # What the target of a link learns about our page: nothing.
    referrer: str = "same-origin"
    # Features that neither the page nor what it embeds may use.
    forbidden_permissions: Iterable[str] = NO_PERMISSIONS
    # Keeps windows of other sites out of our browsing context group.
    opener: str = "same-origin"
    # Keeps other sites from embedding what we serve.
    resource: str = "same-origin"

    def __post_init__(self) -> None:
        # It may be an iterator, and is iterated over more than once.
        permissions = names_of("forbidden_permissions", self.forbidden_permissions)
        object.__setattr__(self, "forbidden_permissions", permissions)
        for name, value in self.content.items():
            if not isinstance(value, str):
                raise TypeError(f"content: {name} must have one text, not {value!r}")

    def headers(self) -> Headers:
        """Make the headers that do not depend on the request."""
        content = "; ".join(f"{name} {value}".strip() for name, value in self.content.items())
        permissions = ", ".join(f"{name}=()" for name in self.forbidden_permissions)
        headers = [
            ("Content-Security-Policy", content),
            ("Referrer-Policy", self.referrer),
            ("Permissions-Policy", permissions),
            ("Cross-Origin-Opener-Policy", self.opener),
            ("Cross-Origin-Resource-Policy", self.resource),
            ("X-Content-Type-Options", "nosniff"),
        ]
        return [(name, checked(value)) for name, value in headers if value]

    def transport_header(self) -> tuple[str, str]:
        """Make the header that is only sent over TLS."""
        subdomains = "; includeSubDomains" if self.transport_subdomains else ""
        return ("Strict-Transport-Security", f"max-age={self.transport_seconds}{subdomains}")


class SecurityHeadersMiddleware:
    """Add a security policy to every response.

    Request: passes unchanged. Response: gets `Content-Security-Policy`, `Referrer-Policy`,
    `Permissions-Policy`, `Cross-Origin-Opener-Policy`, `Cross-Origin-Resource-Policy`,
    `X-Content-Type-Options`, and over TLS `Strict-Transport-Security`. If the application sent
    one of these itself, that one stays: it knows its page.

    `policy`: a `SecurityPolicy`; the strict one unless given. For an empty value, no header is
        sent.

    Reads `wsgi.url_scheme`; writes nothing.

    Place: outside whatever may answer, error pages included; inside the trusted proxy, which knows
    whether the client uses TLS.

    Rules: Content Security Policy Level 3; RFC 6797 sections 6.1 and 7.2 (HSTS, not over plain
    HTTP); Fetch Standard, "X-Content-Type-Options header" and "Cross-Origin-Resource-Policy
    header"; HTML Standard, "Cross-origin opener policies".

    It does not make nonces: a page that needs one sends its own Content-Security-Policy. It sends
    no `X-Frame-Options`, which `frame-ancestors` replaces, and no `X-XSS-Protection`, which does
    harm.
    """

    def __init__(self, app: WSGIApplication, policy: SecurityPolicy | None = None) -> None:
        self.app = app
        policy = policy or SecurityPolicy()
        self.plain = Lines(policy.headers())
        self.by_tls = Lines([*policy.headers(), policy.transport_header()])

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        policy = self.by_tls if environ["wsgi.url_scheme"] == "https" else self.plain

        def with_policy(_status: str, headers: Headers) -> Headers:
            own = names_in(headers)
            missing = policy.all if own.isdisjoint(policy.names) else policy.without(own)
            return [*headers, *missing]

        return self.app(environ, changing_headers(start_response, with_policy))


class Lines:
    """The header lines of a policy, for responses that lack them."""

    def __init__(self, headers: Headers) -> None:
        self.all = headers
        self.names = names_in(headers)

    def without(self, own: Collection[str]) -> Headers:
        """Return the lines with other names than these, which are in lower case."""
        return [line for line in self.all if line[0].lower() not in own]

"""Find the client's address behind trusted proxies.

Environ keys written: `REMOTE_ADDR`, `middleware.forwarded`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

KEY = "middleware.forwarded"
BELIEVED, REMOVED = "believed", "removed"
FIELD = "HTTP_X_FORWARDED_FOR"
PREFIX = "HTTP_X_FORWARDED"
# The fields in which proxies describe a client; a client may send them too.
FIELDS = frozenset(
    {
        "HTTP_CF_CONNECTING_IP",
        "HTTP_FASTLY_CLIENT_IP",
        "HTTP_FORWARDED",
        "HTTP_TRUE_CLIENT_IP",
        "HTTP_X_CLIENT_IP",
        "HTTP_X_CLUSTER_CLIENT_IP",
        "HTTP_X_ORIGINAL_FORWARDED_FOR",
        "HTTP_X_REAL_IP",
        "HTTP_X_SCHEME",
        PREFIX,
    }
    | {f"{PREFIX}_{name}" for name in ("BY", "FOR", "HOST", "PORT", "PREFIX", "PROTO")}
    | {f"{PREFIX}_{name}" for name in ("PROTOCOL", "SCHEME", "SERVER", "SSL", "URI")}
)
# The fields that clients send by themselves. Proxies use all kinds of names for what they add, so
# any other field may be the sign of one. (RequestIDMiddleware gives each request an id.)
_CLIENT_FIELDS = re.compile(
    "HTTP_(?:"
    "ACCEPT(?:_CHARSET|_ENCODING|_LANGUAGE)?|AUTHORIZATION|CACHE_CONTROL|CONNECTION|CONTENT_[A-Z]+"
    "|COOKIE|DATE|DNT|EXPECT|FROM|HOST|IF_[A-Z_]+|KEEP_ALIVE|ORIGIN|PRAGMA|PREFER|PRIORITY|RANGE"
    "|REFERER|SAVE_DATA|TE|TRAILER|TRANSFER_ENCODING|UPGRADE(?:_INSECURE_REQUESTS)?|USER_AGENT"
    "|X_REQUEST_ID|SEC_[A-Z_]+|X_PROMETHEUS_[A-Z_]+"
    ")"
)
# RFC 7239 section 6: an address, of IPv6 in brackets where a port follows; the port may be hidden.
_BRACKETS = re.compile(r"\[([^\[\]]*)\](?::(?:\d{0,5}|_[\w.-]*))?", re.ASCII)
_IPV4 = re.compile(r"([\d.]+)(?::(?:\d{0,5}|_[\w.-]*))?", re.ASCII)
_MAX_CHARACTERS = 100


@lru_cache(1024)
def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address as proxies write it; None if it is not an address, such as `unknown`.

    Port, brackets, quotes, spaces and the zone are left out, and an IPv4 address within IPv6 (RFC
    4291 section 2.5.5.2) becomes that IPv4 address: all these forms mean the same client.
    """
    text = text[:_MAX_CHARACTERS].strip().strip('"').strip()
    match = _BRACKETS.fullmatch(text) or _IPV4.fullmatch(text)
    try:
        address = ip_address((match[1] if match else text).partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def may_be_forwarded(environ: WSGIEnvironment) -> bool:
    """Return whether `REMOTE_ADDR` may be the address of a proxy and not of the client.

    A loopback address then says nothing about the client. Any field that clients do not send by
    themselves counts as a proxy's; a proxy that adds none is not noticed.
    """
    state = environ.get(KEY)
    if state == BELIEVED:
        return False
    return state == REMOVED or any(
        key.startswith("HTTP_") and not _CLIENT_FIELDS.fullmatch(key) for key in environ
    )


class ForwardedMiddleware:
    """Put the client's address into `REMOTE_ADDR`, and remove all fields that state another one.

    Request: `REMOTE_ADDR` becomes canonical. Behind `proxies`, it is the address that the outermost
    of them has seen; if what they state is not an address, it stays that of the nearest proxy, so
    that a client cannot choose it. The fields in `FIELDS` are removed. Response: passes unchanged.

    `proxies`: the number of trusted proxies, each of which appends to `X-Forwarded-For`; 0 by
        default.

    Reads `REMOTE_ADDR`, `HTTP_X_FORWARDED_FOR`; writes `REMOTE_ADDR` and, where there were such
    fields, `middleware.forwarded`: `believed` if the address was taken from them, else `removed`.

    Place: outermost; but inside whatever else reads the fields, such as Werkzeug's `ProxyFix` for
    scheme and host (with `x_for=0`).

    Rules: RFC 7239 sections 5.2 and 6 (the forms of an address); RFC 9110 section 5.6.1 (empty
    members of a list). `Forwarded` itself is not read: a proxy that does not know it passes on
    what the client sent.
    """

    def __init__(self, app: WSGIApplication, *, proxies: int = 0) -> None:
        if proxies < 0:
            raise ValueError(f"proxies must be a number, not {proxies}")
        self.app = app
        self.proxies = proxies

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not environ.keys().isdisjoint(FIELDS):
            self.resolve(environ)
        elif ":" in environ.get("REMOTE_ADDR", ""):
            self.set_address(environ, environ["REMOTE_ADDR"])
        return self.app(environ, start_response)

    def resolve(self, environ: WSGIEnvironment) -> None:
        """Take the client's address from the fields, if they have it, and remove the fields."""
        # Quotes mean nothing in it: one that a client sends must not join what proxies append.
        members = environ.get(FIELD, "").split(",")
        said = [stripped for member in members if (stripped := member.strip(" \t"))]
        for key in environ.keys() & FIELDS:
            del environ[key]
        environ[KEY] = REMOVED
        if 0 < self.proxies <= len(said) and self.set_address(environ, said[-self.proxies]):
            environ[KEY] = BELIEVED

    def set_address(self, environ: WSGIEnvironment, text: str) -> bool:
        """Set `REMOTE_ADDR`; return whether this is an address."""
        address = parse_address(text)
        if address is not None:
            environ["REMOTE_ADDR"] = str(address)
        return address is not None

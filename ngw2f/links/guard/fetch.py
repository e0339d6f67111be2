"""The guarded fetch: read what a stranger's link leads to without being abused.

For the link and for each redirect, in this order: parse the link (`target`), check port and name
(`policy`), resolve the name once (`resolve`), check every resulting address, and connect to one of
them (`connect`, `wire`). The name is not resolved again between check and connection, so DNS
rebinding has no chance.
"""

import http.client
import math
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import certifi
import urllib3.exceptions
from urllib3.response import HTTPResponse

from ngw2f.links.guard.address import Address
from ngw2f.links.guard.body import read_body
from ngw2f.links.guard.connect import Connect, connect_to, connect_to_first
from ngw2f.links.guard.deadline import Deadline
from ngw2f.links.guard.errors import LinkFailed
from ngw2f.links.guard.lifetime import Bounds, lifetime_seconds
from ngw2f.links.guard.media import OPAQUE_TYPE, Accepted, limit_of, parse_content_type
from ngw2f.links.guard.policy import Policy
from ngw2f.links.guard.resolve import Resolve, SystemResolver
from ngw2f.links.guard.sites import Sites
from ngw2f.links.guard.target import Target, join_target, parse_target
from ngw2f.links.guard.wire import GuardedConnection, Wire, connection_to
from ngw2f.text.sniff import sniff_media_type

TIMEOUT_SECONDS: Final = 10.0
# http to https, to www, to the language, to the article, and one more.
MAX_REDIRECTS: Final = 5
MAX_HEADER_BYTES: Final = 64 * 1024
# Chunk sizes and trailers around a body, and what was read ahead of it.
MAX_FRAMING_BYTES: Final = 64 * 1024
ANSWERS: Final = frozenset({200, 203})  # A proxy that changed the response sends 203 (15.3.4).
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})  # RFC 9110 section 15.4.
USER_AGENT: Final = "NGW2F link preview (one request a link that somebody posted)"

_NOT_ASCII = re.compile(rb"[\x80-\xff]")

# Called for each passed check, with its name and what was found.
Trace = Callable[[str, str], None]
# Called with the media type when a body grows large: is there room for the rest?
Room = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A response, complete or cut at its limit. All of it is untrusted.

    `url` is the normalised URL after redirects; `media_type` is one of the accepted types;
    `charset` is the Content-Type's, in lower case; `lifetime_seconds` is within the bounds.
    """

    url: str
    media_type: str
    charset: str | None
    body: bytes
    is_cut: bool
    lifetime_seconds: int


def ignore(check: str, found: str) -> None:
    """Trace nothing."""


def unbounded(media_type: str) -> bool:
    """Allow every body."""
    return True


@dataclass(frozen=True, slots=True)
class Terms:
    """Limits of one fetch, where they are tighter than the fetcher's own.

    `timeout_seconds` covers the whole fetch, `answer_seconds` the time until the site starts to
    answer, redirects included. `has_room` may wait; if it returns False, a page is cut and an
    image fails.
    """

    timeout_seconds: float = math.inf
    answer_seconds: float = math.inf
    has_room: Room = unbounded


TERMS: Final = Terms()


def public_tls() -> ssl.SSLContext:
    """Return a context for public sites: certifi's CAs, TLS 1.2 or later, hostnames checked."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Fetcher:
    """Fetches links for all threads of a worker, with a limit of requests per site.

    `timeout_seconds` covers a fetch with its redirects. `resolve`, `connect`, `tls`, `clock`
    (monotonic) and `now` (Unix seconds) are the outside world; only tests replace them.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        user_agent: str = USER_AGENT,
        timeout_seconds: float = TIMEOUT_SECONDS,
        bounds: Bounds | None = None,
        resolve: Resolve | None = None,
        connect: Connect = connect_to,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._policy = policy
        self._user_agent = user_agent
        self.timeout_seconds = timeout_seconds
        self._bounds = bounds or Bounds()
        self._resolve = resolve or SystemResolver()
        self._connect = connect
        self._given_tls = tls
        self._clock = clock
        self._now = now
        self._sites = Sites()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        # Not before it is needed: the authorities take 5 MB, in each worker that renders too.
        return self._given_tls or public_tls()

    def fetch(
        self,
        url: str,
        accepted: Accepted,
        trace: Trace = ignore,
        terms: Terms = TERMS,
    ) -> Fetched:
        """Fetch a link; raise only `LinkRefused` or `LinkFailed`, with the reason.

        `LinkRefused` may also concern the target of a redirect.
        """
        deadline = Deadline(min(terms.timeout_seconds, self.timeout_seconds), self._clock)
        visit = _Visit(accepted, deadline, deadline, trace, terms.has_room)
        if terms.answer_seconds < math.inf:
            visit.answer_deadline = Deadline(terms.answer_seconds, self._clock)
        target = parse_target(url)
        for _ in range(MAX_REDIRECTS + 1):
            trace("link", target.url)
            answer = self._visit(target, visit)
            if isinstance(answer, Fetched):
                return answer
            target = answer
        raise LinkFailed("redirects", f"the site redirects more than {MAX_REDIRECTS} times")

    def _visit(self, target: Target, visit: "_Visit") -> Fetched | Target:
        """Make one request; return the response, or the redirect's target."""
        addresses = self._get_checked_addresses(target, visit.answer_deadline, visit.trace)
        wire = Wire(visit.answer_deadline, MAX_HEADER_BYTES)

        def dial() -> socket.socket:
            sock, address = connect_to_first(addresses, target.port, wire.deadline, self._connect)
            visit.trace("connect", f"{address} port {target.port}")
            return sock

        with (
            self._sites.place(target.authority, visit.answer_deadline),
            _site_errors(wire),
            closing(connection_to(target, wire, dial, self._tls)) as connection,
            closing(self._send_request(connection, target, visit)) as response,
        ):
            if response.status in REDIRECTS:
                return _get_redirect_target(response, target, visit.trace)
            wire.deadline = visit.deadline
            return self._read_answer(response, target, visit, wire)

    def _get_checked_addresses(
        self, target: Target, deadline: Deadline, trace: Trace
    ) -> Sequence[Address]:
        self._policy.check_port(target)
        trace("port", str(target.port))
        self._policy.check_name(target)
        trace("name", target.host)
        addresses = self._get_addresses(target, deadline)
        for address in addresses:
            self._policy.check_address(target, address)
            trace("address", str(address))
        return addresses

    def _get_addresses(self, target: Target, deadline: Deadline) -> Sequence[Address]:
        if target.address is not None:
            return [target.address]
        # The dot disables the resolver's search list. An exempt name may be in a hosts file,
        # where the C library does not find it with a dot.
        name = target.host if self._policy.is_exempt(target) else f"{target.host}."
        addresses = self._resolve(name, deadline.remaining())
        deadline.remaining()
        if not addresses:
            raise LinkFailed("dns", "the name has no address")
        return addresses

    def _send_request(
        self, connection: GuardedConnection, target: Target, visit: "_Visit"
    ) -> HTTPResponse:
        connection.connect()
        if target.scheme == "https":
            visit.trace("tls", f"the certificate is for {target.host}")
        connection.request(
            "GET",
            target.path,
            headers={
                "User-Agent": self._user_agent,
                "Accept": ", ".join(visit.accepted),
                "Accept-Encoding": "gzip",
                "Connection": "close",
            },
            preload_content=False,
            decode_content=False,
            enforce_content_length=False,
        )
        response = connection.getresponse()
        visit.trace("status", str(response.status))
        return response

    def _read_answer(
        self, response: HTTPResponse, target: Target, visit: "_Visit", wire: Wire
    ) -> Fetched:
        if response.status not in ANSWERS:
            reason = f"the site answers with status {response.status}"
            raise LinkFailed("status", reason, status=response.status)
        media_type, charset = parse_content_type(
            ", ".join(response.headers.getlist("Content-Type"))
        )
        limit = limit_of(media_type, visit.accepted)
        if limit is None:
            raise _not_read()
        visit.trace("type", media_type or "none")
        wire.bytes_left = limit.max_bytes + MAX_FRAMING_BYTES
        asked_for = OPAQUE_TYPE if OPAQUE_TYPE in visit.accepted else media_type
        body, is_cut = read_body(response, limit, lambda: visit.has_room(asked_for))
        visit.trace("body", f"{len(body)} bytes" + (", cut" if is_cut else ""))
        if media_type not in visit.accepted:
            media_type = _look_at(body, is_cut, response, visit.accepted)
        lifetime = lifetime_seconds(response.headers, self._now(), self._bounds)
        return Fetched(target.url, media_type, charset, body, is_cut, lifetime)


@dataclass(slots=True)
class _Visit:
    """What stays the same across the redirects of a fetch."""

    accepted: Accepted
    deadline: Deadline
    answer_deadline: Deadline
    trace: Trace
    has_room: Room


def _look_at(body: bytes, is_cut: bool, response: HTTPResponse, accepted: Accepted) -> str:
    """Return the type of a body by its bytes, where its Content-Type is missing or not accepted."""
    if OPAQUE_TYPE in accepted:
        return OPAQUE_TYPE
    # A site may forbid sniffing pages (Fetch Standard, section 3.6).
    options = response.headers.get("X-Content-Type-Options", "").split(",")[0]
    media_type = sniff_media_type(body, may_be_page=options.strip().lower() != "nosniff")
    if media_type not in accepted or (is_cut and not accepted[media_type].may_be_cut):
        raise _not_read()
    return media_type


def _not_read() -> LinkFailed:
    return LinkFailed("type", "the answer's media type is not supported")


def _get_redirect_target(response: HTTPResponse, target: Target, trace: Trace) -> Target:
    """Parse the single Location (RFC 9110 section 10.2.2).

    Bytes beyond ASCII are usually UTF-8; others are percent-encoded unchanged.
    """
    locations = {each.strip() for each in response.headers.getlist("Location")}
    if len(locations) != 1:
        raise LinkFailed("redirects", "the redirect has no target, or two")
    written = locations.pop().encode("latin-1")
    try:
        location = written.decode()
    except UnicodeDecodeError:
        location = _NOT_ASCII.sub(lambda byte: b"%%%02X" % ord(byte.group()), written).decode()
    redirected = join_target(target, location)
    trace("redirect", redirected.url)
    return redirected


@contextmanager
def _site_errors(wire: Wire) -> Iterator[None]:
    """Turn every error of a connection into `LinkFailed`, with a reason of our own."""
    try:
        yield
    except (TimeoutError, urllib3.exceptions.TimeoutError) as error:
        raise wire.deadline.failure() from error
    except ssl.SSLCertVerificationError as error:
        reason = f"the certificate is not valid: {error.verify_message}"
        raise LinkFailed("tls", reason) from error
    except (ssl.SSLError, urllib3.exceptions.SSLError) as error:
        raise LinkFailed("tls", "the TLS connection failed") from error
    except (http.client.HTTPException, urllib3.exceptions.HTTPError) as error:
        raise LinkFailed("protocol", "the answer is not valid HTTP") from error
    except OSError as error:
        raise LinkFailed("connect", f"the connection broke: {error.strerror}") from error
    except ValueError as error:  # Also UnicodeError: header values that cannot be text.
        raise LinkFailed("protocol", "the answer cannot be read") from error

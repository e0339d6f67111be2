"""Limit how often a client may do something, across all processes.

A library such as `limits` counts, in a storage that all processes share; `Limiter` says what is
needed of it.
"""

from __future__ import annotations

import json
import logging
import math
import re
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network
from typing import Any, Literal, NamedTuple, Protocol
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from middleware._options import errors_of, function_of, list_of, names_of
from middleware._paths import wsgi_path
from middleware._wsgi import Headers, changing_headers
from middleware.answer import Answer
from middleware.forwarded import parse_address
from middleware.headers import TOKEN

# The smallest network of an IPv6 subscriber: a limit on single addresses would limit nobody.
IPV6_SUBSCRIBER_BITS = 64
PROBLEM = "application/problem+json"
PROBLEM_TYPES = "https://iana.org/assignments/http-problem-types#"


class Window(Protocol):
    """What remains of a limit: `limits.util.WindowStats`."""

    @property
    def reset_time(self) -> float:
        """When more is allowed, in seconds since 1970."""

    @property
    def remaining(self) -> int: ...


class Limit(Protocol):
    """A number of requests in a time: `limits.RateLimitItem`."""

    @property
    def amount(self) -> int: ...

    def get_expiry(self) -> int:
        """Return the length of the window, in seconds."""


class Limiter(Protocol):
    """Counts requests: one of `limits.strategies`."""

    def hit(self, item: Any, *identifiers: str) -> bool:
        """Count one more, and return whether it is allowed."""

    def get_window_stats(self, item: Any, *identifiers: str) -> Window: ...


def client_address(environ: WSGIEnvironment) -> str | None:
    """Return the client's address; for IPv6, its network."""
    address = parse_address(environ.get("REMOTE_ADDR", ""))
    if address is None:
        # A Unix socket has no address: all its clients count as one. So do all with an unknown one.
        return ""
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), IPV6_SUBSCRIBER_BITS), strict=False))
    return str(address)


@dataclass(frozen=True)
class RateRule:
    """Who may send which requests how often.

    `name`: the policy's name, a token; clients see it, and the storage's keys begin with it.
    `limit`: such as `limits.parse("5/minute")`.
    `methods`: which requests count; HEAD counts with GET.
    `path`: a path, in which `*` stands for one segment; or a list of paths, which share one count;
        or None for all. Several slashes at the beginning of a request's path count as one.
    `key(environ)`: whose requests are counted together; by default those of a client's address.
        None means: not counted.
    `without_storage`: while the storage is unreachable, `open` lets requests pass, `closed` refuses
        them.
    """

    name: str
    limit: Limit
    methods: Collection[str]
    path: str | Sequence[str] | None = None
    key: Callable[[WSGIEnvironment], str | None] = client_address
    without_storage: Literal["open", "closed"] = "open"

    def __post_init__(self) -> None:
        if not TOKEN.fullmatch(self.name):
            raise ValueError(f"the name of a policy must be a token, not {self.name!r}")
        object.__setattr__(self, "methods", checked_methods(self.methods))
        path_test(self.path)
        function_of("key", self.key)
        if not hasattr(self.limit, "get_expiry"):
            raise TypeError(
                f"limit must be one such as limits.parse('5/minute'), not {self.limit!r}"
            )
        if self.without_storage not in {"open", "closed"}:
            raise ValueError(
                f"without_storage must be open or closed, not {self.without_storage!r}"
            )


def checked_methods(methods: Iterable[str]) -> tuple[str, ...]:
    """Return a rule's methods; raise `ValueError` for one that no request can have."""
    found = names_of("methods", methods)
    if not found:
        raise ValueError("methods: without one, the rule matches no request")
    for method in found:
        # They are case-sensitive (RFC 9110 section 9.1), and there is no "post".
        if not TOKEN.fullmatch(method) or method.upper() != method:
            raise ValueError(f"methods: {method!r} is not a method, as in 'POST'")
    return found


class Policy:
    """A rule, prepared for requests: its test for paths, and its header fields and problems."""

    def __init__(self, rule: RateRule) -> None:
        self.rule = rule
        self.methods = set(rule.methods) | ({"HEAD"} if "GET" in rule.methods else set())
        self.matches = path_test(rule.path)
        window = f"q={rule.limit.amount};w={rule.limit.get_expiry()}"
        self.described = f'"{rule.name}";{window}'
        self.exceeded = problem("quota-exceeded", "Too many requests", rule.name)
        self.away = Answer(
            "503 Service Unavailable",
            problem("temporary-reduced-capacity", "This is not possible at the moment", rule.name),
            [("Retry-After", "10"), ("Cache-Control", "no-store")],
            content_type=PROBLEM,
        )


class Taken(NamedTuple):
    """The result of counting one request under one policy."""

    policy: Policy
    is_allowed: bool
    remaining: int
    reset_seconds: int

    @classmethod
    def of(cls, policy: Policy, window: Window, *, is_allowed: bool) -> Taken:
        """Return it with what is left by *window*, as of now."""
        reset_seconds = max(0, math.ceil(window.reset_time - time.time()))
        return cls(policy, is_allowed, max(0, window.remaining), reset_seconds)

    @property
    def retry_seconds(self) -> int:
        """Return after how many seconds to try again: at least 1, or the next refusal follows."""
        return max(1, self.reset_seconds)

    def described(self) -> str:
        return f'"{self.policy.rule.name}";r={self.remaining};t={self.reset_seconds}'


class RateLimitMiddleware:
    """Refuse the requests of clients that sent too many.

    Request: passes unchanged; or gets 429 with `Retry-After`; or, if its rule says so and the
    storage is unreachable, 503 with `Retry-After`. Response: if the request was counted, it gets
    `RateLimit-Policy` and `RateLimit` with a member for each policy that counted it.

    `limiter`: counts; see `Limiter`. Its storage should time out after a fraction of a second.
    `rules`: all that match are counted, in this order, until one refuses.
    `storage_errors`: the exceptions that mean that the storage is unreachable: `RedisError`, say.
    `pause_seconds`: after such an error, the storage is not asked for this time and counts as
        unreachable; one second, so that an outage does not cost each request a timeout.
    `logger`: gets one error when an outage begins, and one warning when it ends.

    Reads `REQUEST_METHOD`, `PATH_INFO`, and what the rules' keys read (`REMOTE_ADDR`); writes
    nothing.

    Place: inside trusted proxy (the address) and pre-routing (method and path), and inside the
    cross-origin guard, so that another site cannot use up a visitor's limit.

    Rules: RFC 6585 section 4 (429); RFC 9110 section 10.2.3 (`Retry-After`);
    draft-ietf-httpapi-ratelimit-headers-10 sections 3, 4 and 5 (fields and problem types); RFC
    9457. `Retry-After` is never earlier than `t`. No partition key is sent.

    It does not limit connections, bytes or work in progress, and does not read bodies: a limit by
    a form's content belongs where the form is read. A request that no rule matches costs a look-up
    of its method, and does not use the storage.
    """

    def __init__(
        self,
        app: WSGIApplication,
        limiter: Limiter,
        rules: Sequence[RateRule],
        *,
        storage_errors: type[Exception] | Iterable[type[Exception]],
        pause_seconds: float = 1.0,
        logger: logging.Logger | None = None,
    ) -> None:
        self.app = app
        self.limiter = limiter
        self.storage_errors = errors_of("storage_errors", storage_errors)
        policies = [Policy(rule) for rule in list_of("rules", rules)]
        if len({policy.rule.name for policy in policies}) < len(policies):
            raise ValueError("two policies have the same name")
        self.by_method = {
            method: tuple(policy for policy in policies if method in policy.methods)
            for method in {method for policy in policies for method in policy.methods}
        }
        self.outage = Outage(pause_seconds, logger or logging.getLogger("middleware.rate_limit"))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        policies = self.by_method.get(environ["REQUEST_METHOD"])
        if policies is None:
            return self.app(environ, start_response)
        path = environ.get("PATH_INFO", "")
        if path.startswith("//"):
            path = f"/{path.lstrip('/')}"  # Werkzeug routes such a path like this.
        matching = [policy for policy in policies if policy.matches(path)]
        if not matching:
            return self.app(environ, start_response)
        return self.count(matching, environ, start_response)

    def count(
        self, policies: list[Policy], environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Count a request under each of its policies; refuse it, or let it pass."""
        counted: list[Taken] = []
        for policy in policies:
            key = policy.rule.key(environ)
            if key is None:
                continue
            taken = self.take(policy, key)
            if taken is None:
                if policy.rule.without_storage == "closed":
                    return policy.away(environ, start_response)
                continue
            counted.append(taken)
            if not taken.is_allowed:
                return refusal(taken, limit_headers(counted))(environ, start_response)
        if not counted:
            return self.app(environ, start_response)
        added = limit_headers(counted)

        def with_limits(status: str, headers: Headers) -> Headers:
            return [*headers, *added]

        return self.app(environ, changing_headers(start_response, with_limits))

    def take(self, policy: Policy, key: str) -> Taken | None:
        """Count one request; None if the storage is unreachable."""
        if self.outage.is_to_be_left_alone():
            return None
        limit, name = policy.rule.limit, policy.rule.name
        try:
            is_allowed = self.limiter.hit(limit, name, key)
            window = self.limiter.get_window_stats(limit, name, key)
        except self.storage_errors as error:
            self.outage.begin(error)
            return None
        self.outage.end()
        return Taken.of(policy, window, is_allowed=is_allowed)


class Outage:
    """Whether the storage is unreachable, which is logged once for each outage."""

    def __init__(self, pause_seconds: float, logger: logging.Logger) -> None:
        self.pause_seconds = pause_seconds
        self.logger = logger
        self.lock = threading.Lock()
        self.since: float | None = None
        self.ask_again_at = 0.0

    def is_to_be_left_alone(self) -> bool:
        return self.since is not None and time.monotonic() < self.ask_again_at

    def begin(self, error: Exception) -> None:
        """Record that the storage did not answer."""
        now = time.monotonic()
        with self.lock:
            is_new = self.since is None
            self.since = now if self.since is None else self.since
            self.ask_again_at = now + self.pause_seconds
        if is_new:
            self.logger.error(
                "The storage of the rate limits is unreachable: %s. Until it is back, limits that"
                " fail open are off, and requests under the others are refused.",
                error,
            )

    def end(self) -> None:
        """Record that the storage answered."""
        if self.since is None:
            return
        with self.lock:
            since, self.since = self.since, None
        if since is not None:
            seconds = time.monotonic() - since
            self.logger.warning("The storage of the rate limits is back after %.1f s.", seconds)


def path_test(path: str | Sequence[str] | None) -> Callable[[str], object]:
    """Make a test for the paths that a rule names."""
    if path is None:
        return lambda path: True
    exact = [
        wsgi_path(each) for each in names_of("path", [path] if isinstance(path, str) else path)
    ]
    if not exact or "?" in "".join(exact):
        raise ValueError(f"path: {path!r} matches no request: name a path, without a query")
    if "*" not in "".join(exact):
        return frozenset(exact).__contains__
    patterns = ("[^/]+".join(map(re.escape, each.split("*"))) for each in exact)
    return re.compile("|".join(patterns)).fullmatch


def limit_headers(counted: Sequence[Taken]) -> Headers:
    """Make the two header fields of the draft, with a member for each policy."""
    return [
        ("RateLimit-Policy", ", ".join(taken.policy.described for taken in counted)),
        ("RateLimit", ", ".join(taken.described() for taken in counted)),
    ]


def refusal(taken: Taken, headers: Headers) -> Answer:
    """Make the answer to a request over the limit."""
    retry = ("Retry-After", str(taken.retry_seconds))
    return Answer(
        "429 Too Many Requests",
        taken.policy.exceeded,
        [retry, ("Cache-Control", "no-store"), *headers],
        content_type=PROBLEM,
    )


def problem(kind: str, title: str, policy: str) -> str:
    """Make problem details (RFC 9457) of a type from the draft."""
    return json.dumps({"type": PROBLEM_TYPES + kind, "title": title, "violated-policies": [policy]})

"""Limit how often somebody may do something, over all processes.

The counting is that of a library such as `limits`, on a storage that all processes share; what
this needs of it is `Limiter`.
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

# What one subscriber of IPv6 has at least: a limit on single addresses would limit nobody.
IPV6_SUBSCRIBER_BITS = 64
PROBLEM = "application/problem+json"
PROBLEM_TYPES = "https://iana.org/assignments/http-problem-types#"


class Window(Protocol):
    """What is left of a limit: `limits.util.WindowStats`."""

    @property
    def reset_time(self) -> float:
        """Seconds since the epoch when more is allowed."""

    @property
    def remaining(self) -> int: ...


class Limit(Protocol):
    """So many in so much time: `limits.RateLimitItem`."""

    @property
    def amount(self) -> int: ...

    def get_expiry(self) -> int:
        """Give the length of the window, in seconds."""


class Limiter(Protocol):
    """What counts: one of `limits.strategies`."""

    def hit(self, item: Any, *identifiers: str) -> bool:
        """Count one more, and say whether it is allowed."""

    def get_window_stats(self, item: Any, *identifiers: str) -> Window: ...


def client_address(environ: WSGIEnvironment) -> str | None:
    """Give what identifies a client by its address; of IPv6 the network that it is in."""
    address = parse_address(environ.get("REMOTE_ADDR", ""))
    if address is None:
        # A Unix socket has none: whoever may use it counts as one. So does who gives another name.
        return ""
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), IPV6_SUBSCRIBER_BITS), strict=False))
    return str(address)


@dataclass(frozen=True)
class RateRule:
    """Say who may send which requests how often.

    `name`: of the policy, a token; clients see it, and the storage's keys begin with it.
    `limit`: such as `limits.parse("5/minute")`.
    `methods`: which requests count; HEAD counts with GET.
    `path`: a path, in which `*` stands for one segment, or several of them, which share one
        count, or None for all. Several slashes at the beginning of a request's path count as one.
    `key(environ)`: who is counted: the client's address unless given. None: not counted.
    `without_storage`: `open` lets requests pass while the storage is away, `closed` refuses them.
    """

    name: str
    limit: Limit
    methods: Collection[str]
    path: str | Sequence[str] | None = None
    key: Callable[[WSGIEnvironment], str | None] = client_address
    without_storage: Literal["open", "closed"] = "open"

    def __post_init__(self) -> None:
        if not TOKEN.fullmatch(self.name):
            raise ValueError(f"the name of a policy is a token: {self.name!r}")
        object.__setattr__(self, "methods", checked_methods(self.methods))
        path_test(self.path)
        function_of("key", self.key)
        if not hasattr(self.limit, "get_expiry"):
            raise TypeError(f"limit is such as limits.parse('5/minute'), not {self.limit!r}")
        if self.without_storage not in {"open", "closed"}:
            raise ValueError(f"without_storage is open or closed, not {self.without_storage!r}")


def checked_methods(methods: Iterable[str]) -> tuple[str, ...]:
    """Give a rule's methods; raise `ValueError` for those that no request has."""
    found = names_of("methods", methods)
    if not found:
        raise ValueError("methods: without one, the rule is for no request")
    for method in found:
        # They are case-sensitive (RFC 9110 section 9.1), and there is no "post".
        if not TOKEN.fullmatch(method) or method.upper() != method:
            raise ValueError(f"methods: {method!r} is no method, as in 'POST'")
    return found


class Policy:
    """A rule, prepared for requests: what it matches, and what is said in its name."""

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
    """What came of counting one request under one policy."""

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
        """Return when to come back: not at once, which would only invite the next refusal."""
        return max(1, self.reset_seconds)

    def described(self) -> str:
        return f'"{self.policy.rule.name}";r={self.remaining};t={self.reset_seconds}'


class RateLimitMiddleware:
    """Refuse requests of those who sent too many.

    Request: passes as it is, or gets 429 with `Retry-After`, or, if its rule says so and the
    storage is away, 503 with `Retry-After`. Response: a counted one gets `RateLimit-Policy` and
    `RateLimit` with a member for each policy that counted it.

    `limiter`: counts; see `Limiter`. Its storage should give up after a fraction of a second.
    `rules`: all that match are counted, in this order, until one refuses.
    `storage_errors`: the exceptions that mean that the storage is away, such as `RedisError`.
    `pause_seconds`: after such an error the storage is left alone for so long, and treated as
        away; a second, so that an outage does not cost each request a timeout.
    `logger`: gets one error when an outage begins, and one warning when it ends.

    Reads `REQUEST_METHOD`, `PATH_INFO`, and what the rules' keys read (`REMOTE_ADDR`); writes
    nothing.

    Place: inside trusted proxy (the address) and pre-routing (method and path), and inside the
    cross-origin guard, so that another site cannot use up a visitor's limit.

    Rules: RFC 6585 section 4 (429); RFC 9110 section 10.2.3 (`Retry-After`);
    draft-ietf-httpapi-ratelimit-headers-10 sections 3, 4 and 5 (fields and problem types); RFC
    9457. `Retry-After` is never earlier than `t`. No partition key is sent.

    It does not limit connections, bytes or work in progress, and does not read bodies: a limit by
    what is in a form belongs where the form is read. Requests that no rule is for cost a look-up
    of their method, and never ask the storage.
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
            path = f"/{path.lstrip('/')}"  # So Werkzeug and what is built on it route it.
        matching = [policy for policy in policies if policy.matches(path)]
        if not matching:
            return self.app(environ, start_response)
        return self.count(matching, environ, start_response)

    def count(
        self, policies: list[Policy], environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Count a request under each of its policies; answer it, or let it pass."""
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
        """Count one request; None if the storage is away."""
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
    """Know whether the storage is away, and say so in the log once."""

    def __init__(self, pause_seconds: float, logger: logging.Logger) -> None:
        self.pause_seconds = pause_seconds
        self.logger = logger
        self.lock = threading.Lock()
        self.since: float | None = None
        self.ask_again_at = 0.0

    def is_to_be_left_alone(self) -> bool:
        return self.since is not None and time.monotonic() < self.ask_again_at

    def begin(self, error: Exception) -> None:
        """Note that the storage did not answer."""
        now = time.monotonic()
        with self.lock:
            is_new = self.since is None
            self.since = now if self.since is None else self.since
            self.ask_again_at = now + self.pause_seconds
        if is_new:
            self.logger.error(
                "The storage of the rate limits is away: %s. Until it is back, limits that fail"
                " open are off, and what is limited by the others is refused.",
                error,
            )

    def end(self) -> None:
        """Note that the storage answered."""
        if self.since is None:
            return
        with self.lock:
            since, self.since = self.since, None
        if since is not None:
            seconds = time.monotonic() - since
            self.logger.warning("The storage of the rate limits is back after %.1f s.", seconds)


def path_test(path: str | Sequence[str] | None) -> Callable[[str], object]:
    """Make the test whether a path is one of those that a rule names."""
    if path is None:
        return lambda path: True
    exact = [
        wsgi_path(each) for each in names_of("path", [path] if isinstance(path, str) else path)
    ]
    if not exact or "?" in "".join(exact):
        raise ValueError(f"path: {path!r} is that of no request; it has no query")
    if "*" not in "".join(exact):
        return frozenset(exact).__contains__
    patterns = ("[^/]+".join(map(re.escape, each.split("*"))) for each in exact)
    return re.compile("|".join(patterns)).fullmatch


def limit_headers(counted: Sequence[Taken]) -> Headers:
    """Make the two fields of the draft, a member for each policy."""
    return [
        ("RateLimit-Policy", ", ".join(taken.policy.described for taken in counted)),
        ("RateLimit", ", ".join(taken.described() for taken in counted)),
    ]


def refusal(taken: Taken, headers: Headers) -> Answer:
    """Make the answer to one request too many."""
    retry = ("Retry-After", str(taken.retry_seconds))
    return Answer(
        "429 Too Many Requests",
        taken.policy.exceeded,
        [retry, ("Cache-Control", "no-store"), *headers],
        content_type=PROBLEM,
    )


def problem(kind: str, title: str, policy: str) -> str:
    """Make problem details of the draft's types (RFC 9457)."""
    return json.dumps({"type": PROBLEM_TYPES + kind, "title": title, "violated-policies": [policy]})

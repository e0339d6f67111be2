"""Options that would be silently of no use are refused when the middleware is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from middleware.answer import Answer
from middleware.cache import GroupClock, HTTPCacheMiddleware, MemoryStore, RedisStore
from middleware.cors import CORSMiddleware
from middleware.cross_origin import CrossOriginGuardMiddleware
from middleware.error_boundary import ErrorBoundaryMiddleware
from middleware.headers import HeadersMiddleware, remove_header, set_header
from middleware.prerouting import (
    Maintenance,
    MethodOverride,
    MountHost,
    PreRoutingMiddleware,
    Split,
    Versions,
)
from middleware.rate_limit import RateLimitMiddleware, RateRule
from middleware.rewriting import RewritingMiddleware
from middleware.security import SecurityHeadersMiddleware, SecurityPolicy
from middleware.server_timing import ServerTimingMiddleware
from middleware.static_files import StaticFilesMiddleware
from tests.middleware.serving import answering, serve

APP = answering()
LIMITER = FixedWindowRateLimiter(MemoryStorage())
LIMIT = parse("5/minute")


class Anything:
    """A client, a transformer, a rule: whatever."""

    def __call__(self, *_: Any) -> Any: ...

    def execute_command(self, *_: Any) -> Any: ...


def rule_about(segments: Any) -> Any:
    rule = Anything()
    rule.segments = segments  # type: ignore[attr-defined]
    return rule


LISTS_OF_NAMES: dict[str, tuple[str, Callable[[Any], object]]] = {
    "RateRule": ("methods", lambda it: RateRule("p", LIMIT, it, "/login")),
    "trusted_origins": (
        "trusted_origins",
        lambda it: CrossOriginGuardMiddleware(APP, trusted_origins=it),
    ),
    "CORS' trusted_origins": (
        "trusted_origins",
        lambda it: CORSMiddleware(APP, trusted_origins=it),
    ),
    "CORS' paths": ("paths", lambda it: CORSMiddleware(APP, paths=it)),
    "CORS' methods": ("methods", lambda it: CORSMiddleware(APP, methods=it)),
    "request_fields": ("request_fields", lambda it: CORSMiddleware(APP, request_fields=it)),
    "response_fields": ("response_fields", lambda it: CORSMiddleware(APP, response_fields=it)),
    "exempt_paths": ("exempt_paths", lambda it: CrossOriginGuardMiddleware(APP, exempt_paths=it)),
    "content_types": (
        "content_types",
        lambda it: RewritingMiddleware(APP, Anything(), content_types=it),
    ),
    "rewriting's vary": ("vary", lambda it: RewritingMiddleware(APP, Anything(), vary=it)),
    "permissions": (
        "forbidden_permissions",
        lambda it: SecurityPolicy(forbidden_permissions=it),
    ),
    "Versions": ("versions", Versions),
    "MethodOverride": ("methods", lambda it: MethodOverride("_method", it)),
    "segments": ("segments", lambda it: PreRoutingMiddleware(APP, [rule_about(it)])),
    "drop_groups": ("names", lambda it: HTTPCacheMiddleware(APP).drop_groups(it)),
    "MemoryStore.drop": ("names", lambda it: MemoryStore().drop(it)),
    "RedisStore.drop": ("names", lambda it: RedisStore(Anything()).drop(it)),
    "GroupClock.drop": ("names", lambda it: GroupClock().drop(it)),
}

OTHER_LISTS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "pre-routing": ("rules", lambda it: PreRoutingMiddleware(APP, it)),
    "rate limit": ("rules", lambda it: RateLimitMiddleware(APP, LIMITER, it, storage_errors=())),
    "request rules": ("request", lambda it: HeadersMiddleware(APP, request=it)),
    "response rules": ("response", lambda it: HeadersMiddleware(APP, response=it)),
    "an answer's headers": ("headers", lambda it: Answer("200 OK", headers=it)),
}

LISTS_OF_ERRORS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "storage_errors": (
        "storage_errors",
        lambda it: RateLimitMiddleware(APP, LIMITER, [], storage_errors=it),
    ),
    "disconnected": ("disconnected", lambda it: HTTPCacheMiddleware(APP, disconnected=it)),
    "errors": ("errors", lambda it: RedisStore(Anything(), errors=it)),
}


@pytest.mark.parametrize("text", ["/login", "POST", "", b"POST", bytearray(b"POST")], ids=repr)
@pytest.mark.parametrize(("option", "make"), LISTS_OF_NAMES.values(), ids=LISTS_OF_NAMES)
def test_text_is_no_list_of_names(option: str, make: Callable[[Any], object], text: Any) -> None:
    with pytest.raises(TypeError, match=rf"{option} must be a list"):
        make(text)


@pytest.mark.parametrize(("option", "make"), LISTS_OF_NAMES.values(), ids=LISTS_OF_NAMES)
def test_what_is_no_text_is_no_name(option: str, make: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError, match=rf"{option} must be a list of names"):
        make([b"POST"])


@pytest.mark.parametrize(
    "value", ["text", 1, remove_header("X-A")], ids=lambda it: type(it).__name__
)
@pytest.mark.parametrize(("option", "make"), OTHER_LISTS.values(), ids=OTHER_LISTS)
def test_one_is_no_list(option: str, make: Callable[[Any], object], value: Any) -> None:
    with pytest.raises(TypeError, match=rf"{option} must be a list"):
        make(value)


@pytest.mark.parametrize("value", ["OSError", ["OSError"], [OSError()], [int], int], ids=repr)
@pytest.mark.parametrize(("option", "make"), LISTS_OF_ERRORS.values(), ids=LISTS_OF_ERRORS)
def test_exceptions_are_classes(option: str, make: Callable[[Any], object], value: Any) -> None:
    with pytest.raises(TypeError, match=rf"{option} must be a list"):
        make(value)


@pytest.mark.parametrize("value", [OSError, [OSError], (OSError, KeyError)], ids=repr)
@pytest.mark.parametrize(("option", "make"), LISTS_OF_ERRORS.values(), ids=LISTS_OF_ERRORS)
def test_one_exception_or_several(option: str, make: Callable[[Any], object], value: Any) -> None:
    assert make(value)


@pytest.mark.parametrize("methods", [[], ["post"], ["POST "], [""], ["POST,PUT"]], ids=repr)
def test_methods_that_no_request_has_are_refused(methods: list[str]) -> None:
    with pytest.raises(ValueError, match="methods"):
        RateRule("p", LIMIT, methods, "/login")


def test_rule_of_an_unknown_kind_or_path_is_refused() -> None:
    with pytest.raises(ValueError, match="open or closed"):
        RateRule("p", LIMIT, ["POST"], "/login", without_storage="shut")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="slash"):
        RateRule("p", LIMIT, ["POST"], "login")


def test_content_policy_has_one_text_for_each_name() -> None:
    with pytest.raises(TypeError, match="img-src"):
        SecurityPolicy(content={"img-src": ["'self'", "https:"]})  # type: ignore[dict-item]


def test_application_for_no_variant_is_refused() -> None:
    with pytest.raises(ValueError, match="new2"):
        Split("front", {"old": 1, "new": 1}, apps={"new2": APP})


FUNCTIONS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "ServerTiming": ("when", lambda it: ServerTimingMiddleware(APP, when=it)),
    "a header rule": ("when", lambda it: set_header("X-A", "1", when=it)),
    "Maintenance": ("admits", lambda it: Maintenance(lambda: True, admits=it)),
    "its switch": ("active", Maintenance),
    "cache": ("exempt", lambda it: HTTPCacheMiddleware(APP, exempt=it)),
    "error boundary": ("page", lambda it: ErrorBoundaryMiddleware(APP, page=it)),
    "rewriting": ("make", lambda it: RewritingMiddleware(APP, it)),
    "a limit's key": ("key", lambda it: RateRule("p", LIMIT, ["POST"], "/x", key=it)),
}


@pytest.mark.parametrize("value", ["/events", ["/events"], True], ids=repr)
@pytest.mark.parametrize(("option", "make"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_path_or_list_is_no_function(
    option: str, make: Callable[[Any], object], value: Any
) -> None:
    with pytest.raises(TypeError, match=rf"{option} must be a function"):
        make(value)


# Some are what a type checker would refuse, and what is written where there is none.
NEVER: dict[str, tuple[str, Callable[[], object]]] = {
    "no path": ("path", lambda: RateRule("p", LIMIT, ["POST"], [])),
    "a query": ("path", lambda: RateRule("p", LIMIT, ["POST"], "/find?q=*")),
    "bytes": ("path", lambda: RateRule("p", LIMIT, ["POST"], b"/login")),  # type: ignore[arg-type]
    "a limit's text": ("limit", lambda: RateRule("p", "5/minute", ["POST"])),  # type: ignore[arg-type]
    "a URL": ("host", lambda: MountHost("https://docs.example.org", APP)),
    "a path": ("host", lambda: MountHost("docs.example.org/a", APP)),
    "a parameter": (
        "content_types",
        lambda: RewritingMiddleware(APP, Anything(), content_types=["text/html; charset=utf-8"]),
    ),
    "half a type": (
        "content_types",
        lambda: RewritingMiddleware(APP, Anything(), content_types=["html"]),
    ),
    "no dot": (
        "types",
        lambda: StaticFilesMiddleware(APP, ".", prefix="/s", types={"js": "text/javascript"}),
    ),
    "no version": ("versions", lambda: Versions([])),
    "methods in the name's place": ("parameter", lambda: MethodOverride(["PUT"])),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(("option", "make"), NEVER.values(), ids=NEVER)
def test_what_would_never_apply_is_refused(option: str, make: Callable[[], object]) -> None:
    with pytest.raises((TypeError, ValueError), match=option):
        make()


@pytest.mark.parametrize("host", ["docs.example.org", "Docs:8080", "[::1]:80", "b\xfccher"])
def test_host_may_have_a_port(host: str) -> None:
    assert MountHost(host, APP)


def test_lists_may_be_iterators() -> None:
    # Each is gone through more than once.
    policy = SecurityPolicy(forbidden_permissions=iter(["camera", "usb"]))
    app = SecurityHeadersMiddleware(APP, policy)
    for base in ("http://localhost", "https://localhost"):
        assert serve(app, base_url=base).header("Permissions-Policy") == "camera=(), usb=()"
    rules = iter([RateRule("p", LIMIT, iter(["GET"]), "/")])  # type: ignore[arg-type]
    limited = RateLimitMiddleware(APP, LIMITER, rules, storage_errors=OSError)  # type: ignore[arg-type]
    assert serve(limited, method="HEAD").header("RateLimit") is not None
    assert serve(PreRoutingMiddleware(APP, iter([Versions(iter(["v1"]))])), "/v1/a").status  # type: ignore[arg-type]

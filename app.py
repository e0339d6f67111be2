"""The composition root: settings, the chat, the chain around it, bound to `application`.

The chain is one list, outermost first; this is the only place that decides its order.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from wsgiref.types import WSGIApplication, WSGIEnvironment

from limits import parse
from redis.exceptions import RedisError
from werkzeug.middleware.proxy_fix import ProxyFix

from middleware.access_log import AccessLogMiddleware
from middleware.cache import CachePolicy, HTTPCacheMiddleware, MemoryStore, PurgeRequests, bearer
from middleware.chain import Layer, chain
from middleware.cors import CORSMiddleware, is_from_trusted_origin
from middleware.cross_origin import CrossOriginGuardMiddleware
from middleware.error_boundary import ErrorBoundaryMiddleware
from middleware.forwarded import ForwardedMiddleware
from middleware.prerouting import FileSwitch, Health, Maintenance, PreRoutingMiddleware, Rule
from middleware.rate_limit import RateLimitMiddleware, RateRule
from middleware.request_id import RequestIDMiddleware
from middleware.security import SecurityHeadersMiddleware
from middleware.static_files import StaticFilesMiddleware
from ngw2f.broker.limits import SIGN_INS, build_limiter
from ngw2f.chat import Chat
from ngw2f.observe.profiling import OneProfileMiddleware
from ngw2f.paths import FILES, LONG_LIVED
from ngw2f.server.service import STATIC, Service
from ngw2f.settings import Settings, load_settings
from ngw2f.web import origins
from ngw2f.web.caching import TARGETED_FIELD
from ngw2f.web.devices import who_signs_in
from ngw2f.web.errors import error_page
from ngw2f.web.services import Services, build_services

STATIC_SECONDS = 3600
# In the cache others would wait for the end of these answers, which may take hours.
UNCACHED = (*LONG_LIVED, FILES)


def create_application(settings: Settings) -> Service:
    """Return a chat with the chain around it. Two of them share nothing."""
    services = build_services(settings)
    if settings.has_xray:
        # Most processes never need it.
        from ngw2f.server.xray import record_work

        services = record_work(services)
    chat = Chat(services)
    service = Service(services, build_chain(settings, services, chat), chat.route_of)
    if settings.has_xray:
        from ngw2f.server.xray_of_server import GunicornPart

        service.xray = GunicornPart()
    return service


def build_chain(settings: Settings, services: Services, chat: Chat) -> WSGIApplication:
    """Return the chat in its chain, with probes before the layers if the settings ask for X-ray."""
    if not settings.has_xray:
        return chain(layers(settings, services), chat)
    from ngw2f.server.xray import build_xray

    return build_xray(settings, services, layers(settings, services), chat, chat.describe)


def layers(settings: Settings, services: Services) -> list[Layer]:
    """Return the chain, outermost first."""
    request_id = partial(RequestIDMiddleware, trusted=settings.trusted_proxies > 0)
    access_log = partial(AccessLogMiddleware, write=services.log.request)
    errors = partial(ErrorBoundaryMiddleware, page=partial(error_page, services))
    decisions: list[Rule] = [
        Health("/healthz"),
        Maintenance(FileSwitch(settings.data_path / "maintenance")),
    ]
    decide = partial(PreRoutingMiddleware, rules=decisions)
    guard = partial(CrossOriginGuardMiddleware, is_exempt=is_from_trusted_origin)
    limiter = build_limiter(services.core.broker)
    limit = partial(
        RateLimitMiddleware,
        limiter=limiter,
        rules=rate_rules(services),
        storage_errors=(RedisError,),
    )
    static = partial(
        StaticFilesMiddleware, directory=STATIC, prefix="/static", max_age_seconds=STATIC_SECONDS
    )
    keep = keeper(settings, services)
    return [
        Layer("trusted proxy", trusted_proxy(settings), "who the client is, for all below"),
        Layer("request id", request_id, "what all below log with"),
        Layer("access log", access_log, "sees every answer, to its last byte"),
        Layer("security headers", SecurityHeadersMiddleware, "on every answer, errors too"),
        *sharers(settings),
        Layer("error boundary", errors, "outside all that may fail"),
        *profilers(settings),
        Layer("pre-routing", decide, "answers that need no look at who asks"),
        Layer("cross-origin guard", guard, "before a visitor's limit is used"),
        *(
            [Layer("rate limit", limit, "before a password is hashed")]
            if settings.rate_limit
            else []
        ),
        Layer("static files", static, "files are on the disk, and need no cache"),
        *([Layer("cache", keep, "next to what it spares")] if settings.cache_bytes else []),
    ]


def keeper(settings: Settings, services: Services) -> Callable[[WSGIApplication], WSGIApplication]:
    """Return the cache; the method PURGE drops what it holds, if the settings have a token."""
    token = settings.purge_token
    return partial(
        HTTPCacheMiddleware,
        store=MemoryStore(settings.cache_bytes, services.core.clock),
        policy=CachePolicy(targeted_field=TARGETED_FIELD, heuristic_fraction=0),
        name="ngw2f",
        exempt=is_stream,
        purge_requests=PurgeRequests(bearer(token)) if token else None,
    )


def sharers(settings: Settings) -> list[Layer]:
    """Return the layer that lets pages of other origins call the API, if any are trusted."""
    if not settings.trusted_origins:
        return []
    share = partial(
        CORSMiddleware,
        trusted_origins=settings.trusted_origins,
        paths=origins.PATHS,
        methods=origins.METHODS,
        request_fields=origins.REQUEST_FIELDS,
        response_fields=origins.RESPONSE_FIELDS,
    )
    return [Layer("other origins", share, "on what they may read, errors too")]


def profilers(settings: Settings) -> list[Layer]:
    """Return the profiler's layer, if the settings ask for profiles."""
    if not settings.profile_dir:
        return []
    profile = partial(OneProfileMiddleware, directory=Path(settings.profile_dir), exempt=is_stream)
    return [Layer("profiler", profile, "measures the rest of the chain, and the chat")]


def is_stream(environ: WSGIEnvironment) -> bool:
    """Say whether the response may take hours."""
    path: str = environ["PATH_INFO"]
    return path.startswith(UNCACHED)


def trusted_proxy(settings: Settings) -> Callable[[WSGIApplication], WSGIApplication]:
    """Return the layer that trusts our proxies' forwarded headers and deletes all others."""
    count = settings.trusted_proxies
    forwarded = partial(ForwardedMiddleware, proxies=count)
    if not count:
        return forwarded
    return lambda app: ProxyFix(forwarded(app), x_for=0, x_proto=count, x_host=count)


def rate_rules(services: Services) -> list[RateRule]:
    """Return the limits that apply before a user is known (others: `broker/limits.py`)."""
    limit, paths, key = parse(SIGN_INS), ["/login", "/api/tokens"], partial(who_signs_in, services)
    return [RateRule("sign-in", limit, ["POST"], paths, key, without_storage="closed")]


application = create_application(load_settings())

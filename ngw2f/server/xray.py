"""The chat with X-ray around it and in it (`middleware/xray/`); imported only where it is on."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, replace
from functools import partial, wraps
from typing import Any, cast
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from middleware.chain import APPLICATION, Layer, chain
from middleware.request_id import KEY as REQUEST_ID
from middleware.spans import span
from middleware.xray import Access, Recorder, SharedTraces, Trace, XRayMiddleware
from middleware.xray.probe import KEY
from middleware.xray.spans import Span
from ngw2f.broker.follow_ups import KEEP_CONNECTION_SECONDS, FollowUps
from ngw2f.broker.redis_spans import record_commands
from ngw2f.server.telemetry import build_telemetry, is_sampled
from ngw2f.server.xray_of_server import add_servers
from ngw2f.settings import Settings
from ngw2f.store.sql_spans import record_statements
from ngw2f.web.services import Services

# They change nothing, so no job follows (RFC 9110 section 9.2.1).
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def record_work(services: Services) -> Services:
    """Return services that record each action as a span, and each statement and command too."""
    record_statements(services.core.database)
    actions = services.actions
    recorded = {each.name: _Recorded(each.name, getattr(actions, each.name))
                for each in fields(actions)}  # fmt: skip
    return replace(services, actions=replace(actions, **cast(dict[str, Any], recorded)))


def build_xray(
    settings: Settings,
    services: Services,
    layers: Sequence[Layer],
    app: WSGIApplication,
    describe: Callable[[str, str], dict[str, str]],
) -> WSGIApplication:
    """Return the chain with probes, and what shows their records around it.

    `describe(path, method)`: the route and the endpoint of a request.
    """
    broker = services.core.broker
    follow_ups = FollowUps(broker)
    access = Access(everyone=settings.xray, key=settings.xray_key.encode())
    # Of all web workers of this host.
    shared = SharedTraces(settings.data_path / "xray")
    began = partial(add_servers, trusted=settings.trusted_proxies > 0)
    ended: Callable[[Trace], object] = shared.add
    when: Callable[[WSGIEnvironment], bool] | None = None if settings.xray else access
    if settings.otlp_endpoint:
        telemetry = build_telemetry(settings.otlp_endpoint)
        ended = partial(_tell, (telemetry.add, shared.add))
    if settings.has_sampled:
        when = when and partial(_is_wanted, (is_sampled, access))
    recorder = Recorder(when=when, began=began, ended=ended)

    def probe(name: str, layer: WSGIApplication) -> WSGIApplication:
        return recorder.probe("chat" if name == APPLICATION else name, layer)

    probed = chain(layers, _Followed(app, describe, follow_ups), probe)
    # Who may not be recorded gets a chain of the same parts without probes.
    plain = probed if settings.xray or settings.has_sampled else chain(layers, app)
    # After the layers are built, whose limiter has a client of its own.
    record_commands(*broker.clients)
    return XRayMiddleware(
        probed,
        recorder,
        allow=access,
        later=partial(list_later, follow_ups),
        shared=shared,
        plain=plain,
        # Browsers cannot send the signed field, and so could not open what it leads to.
        panel=settings.xray,
    )


def _tell(each: Iterable[Callable[[Trace], object]], trace: Trace) -> None:
    for add in each:
        add(trace)


def _is_wanted(each: Iterable[Callable[[WSGIEnvironment], bool]], environ: WSGIEnvironment) -> bool:
    return any(wants(environ) for wants in each)


def list_later(follow_ups: FollowUps, trace: Trace) -> list[Span]:
    """Return what jobs did for a request."""
    request_id = trace.facts.get("request_id")
    found = []
    for each in follow_ups.list(request_id) if request_id else ():
        work = Span(each.kind, each.name, "", each.at - trace.began_at)
        work.seconds = each.seconds
        work.set(**each.facts)
        found.append(work)
    return found


class _Followed:
    """The chat; it records the route of a request, and tells jobs the ids of those recorded."""

    def __init__(
        self,
        app: WSGIApplication,
        describe: Callable[[str, str], dict[str, str]],
        follow_ups: FollowUps,
    ) -> None:
        self._app = app
        self._describe = describe
        self._follow_ups = follow_ups

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        trace, request_id = environ.get(KEY), environ.get(REQUEST_ID, "")
        if isinstance(trace, Trace):
            method = environ["REQUEST_METHOD"]
            about = self._describe(environ.get("PATH_INFO", ""), method)
            trace.set(request_id=request_id, **about)
            if "HTTP_UPGRADE" in environ:
                # Messages may come over it as long as it is open.
                self._follow_ups.begin(request_id, KEEP_CONNECTION_SECONDS)
            elif method not in SAFE_METHODS:
                self._follow_ups.begin(request_id)
        return self._app(environ, start_response)


class _Recorded:
    """A group of actions: a call of one becomes a span of the request that makes it."""

    _name: str
    _actions: object

    def __init__(self, name: str, actions: object) -> None:
        vars(self).update(_name=name, _actions=actions)

    def __setattr__(self, name: str, value: object) -> None:
        """Set it on the actions themselves, which use it, too."""
        vars(self).pop(name, None)
        setattr(self._actions, name, value)

    def __getattr__(self, name: str) -> Any:
        action = getattr(self._actions, name)
        if not callable(action):
            return action

        @wraps(action)
        def recorded(*arguments: Any, **options: Any) -> Any:
            with span("action", f"{self._name}.{name}"):
                return action(*arguments, **options)

        # Not looked for again.
        vars(self)[name] = recorded
        return recorded

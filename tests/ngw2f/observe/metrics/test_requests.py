from collections.abc import Callable
from types import SimpleNamespace

import pytest

from ngw2f.observe.metrics.families import CACHE, REQUEST_SECONDS, REQUESTS
from ngw2f.observe.metrics.requests import CACHE_STATUS, RequestMetrics
from ngw2f.observe.metrics.tally import Tally
from ngw2f.server.service import Service


@pytest.fixture
def tally() -> Tally:
    return Tally()


@pytest.fixture
def ask(tally: Tally, service: Service) -> Callable[..., None]:
    """Give a function that has a request counted, as gunicorn's hooks do."""
    metrics = RequestMetrics(tally, service.requests._route_of)

    def run(
        method: str = "GET", path: str = "/", status: str | None = "200 OK", **environ: str
    ) -> None:
        request = SimpleNamespace()
        metrics.begin(request)
        environ = {"REQUEST_METHOD": method, "PATH_INFO": path, **environ}
        metrics.end(request, environ, SimpleNamespace(status=status))

    return run


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/", "/"),
        ("/api/messages/17", "/api/messages/<id:message_id>"),
        ("/rooms/lobby", "/rooms/<name>"),
        ("/logout", "/logout"),
        ("/api/rooms/3/typing", "/api/rooms/<id:room_id>/typing"),
        ("/static/chat.js", "/static/<path>"),
        ("/healthz", "/healthz"),
        ("/nothing/17", "other"),
        ("", "other"),
        ("*", "other"),
    ],
)
def test_route_is_a_pattern(ask: Callable[..., None], tally: Tally, path: str, route: str) -> None:
    ask(path=path)
    assert tally.values(REQUESTS) == {("GET", route, "200"): 1}


def test_methods_that_are_made_up_are_one(ask: Callable[..., None], tally: Tally) -> None:
    for method in ("BREW", "SHOUT", "GET"):
        ask(method)
    assert tally.values(REQUESTS) == {("other", "/", "200"): 2, ("GET", "/", "200"): 1}


def test_streams_have_no_latency(ask: Callable[..., None], tally: Tally) -> None:
    ask(path="/events")
    ask(path="/ws", status=None)
    assert tally.values(REQUESTS)["GET", "/ws", "101"] == 1
    assert not tally.buckets(REQUEST_SECONDS)


def test_seconds_are_of_the_route(ask: Callable[..., None], tally: Tally) -> None:
    ask(path="/api/users/1")
    ask(path="/api/users/2")
    (buckets,) = tally.buckets(REQUEST_SECONDS).values()
    assert sum(buckets[:-1]) == 2
    assert buckets[-1] > 0


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("ngw2f; hit; ttl=3", "hit"),
        ("ngw2f; fwd=uri-miss; stored", "uri-miss"),
        ("ngw2f; fwd=stale; fwd-status=304", "stale"),
        ("ngw2f; fwd=bypass", "bypass"),
    ],
)
def test_outcome_of_the_cache(
    ask: Callable[..., None], tally: Tally, text: str, outcome: str
) -> None:
    ask(**{CACHE_STATUS: text})
    assert tally.values(CACHE) == {(outcome,): 1}


def test_request_that_never_came_to_be(tally: Tally, service: Service) -> None:
    metrics = RequestMetrics(tally, str)
    metrics.end(SimpleNamespace(), {}, None)
    assert not tally.values(REQUESTS)

from __future__ import annotations

from collections.abc import Callable, Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

from middleware.server_timing import ServerTimingMiddleware, Timings
from tests.middleware.contract import Contract
from tests.middleware.serving import HTML, BrokenError, answering, serve


class TestContract(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return ServerTimingMiddleware(app)


class TestContractForStrangers(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return ServerTimingMiddleware(app, when=lambda environ: False)


def measured(act: Callable[[Timings], None]) -> WSGIApplication:
    """Make an application that measures something."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        act(environ["middleware.server_timing"])
        return answering()(environ, start_response)

    return app


def test_total_is_sent_in_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([1.0, 1.25])
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    done = serve(ServerTimingMiddleware(answering(), name="chat"))
    assert done.header("Server-Timing") == "chat;dur=250.000"


def test_metrics_from_below_are_sent() -> None:
    app = measured(lambda timings: timings.add("db", 0.0015, 'two "reads" \\'))
    header = serve(ServerTimingMiddleware(app)).header("Server-Timing") or ""
    assert header.endswith(r', db;dur=1.500;desc="two \"reads\" \\"')


def test_block_is_measured_although_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([1.0, 1.5])
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    timings = Timings()
    with pytest.raises(BrokenError), timings.measure("db"):
        raise BrokenError
    assert timings.metrics == ["db;dur=500.000"]


def test_line_of_the_application_stays() -> None:
    app = answering(headers=[("Content-Type", HTML), ("Server-Timing", "own;dur=1")])
    header = serve(ServerTimingMiddleware(app)).header("Server-Timing") or ""
    assert header.startswith("own;dur=1, total;dur=")


def test_strangers_see_nothing() -> None:
    app = ServerTimingMiddleware(
        answering(), when=lambda environ: environ.get("REMOTE_ADDR") == "192.0.2.1"
    )
    assert serve(app).header("Server-Timing") is None
    friend = serve(app, environ_overrides={"REMOTE_ADDR": "192.0.2.1"})
    assert friend.header("Server-Timing") is not None


@pytest.mark.parametrize(("name", "text"), [("a b", ""), ("", ""), ("a", "x\ny")])
def test_bad_metric_is_refused(name: str, text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        Timings().add(name, 0, text)


def test_bad_name_of_the_total_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="not a token"):
        ServerTimingMiddleware(answering(), name="a,b")

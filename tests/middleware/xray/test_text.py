from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

from middleware._wsgi import Headers, WrappedBody, changing_headers
from middleware.answer import Answer
from middleware.chain import Layer
from middleware.error_boundary import ErrorBoundaryMiddleware
from middleware.prerouting import Health, PreRoutingMiddleware
from middleware.xray import Fault, ladder, lint, record, span
from middleware.xray.spans import Span, outside
from tests.middleware.serving import BrokenError, Exchange, TrackedBody, answering, serve
from tests.middleware.test_chain import QUIET

Layers = Callable[[WSGIApplication], WSGIApplication]


def ladder_of(app: WSGIApplication, *layers: Layers, **request: Any) -> str:
    named = [Layer(f"layer {n}", layer, "") for n, layer in enumerate(layers)]
    recorded = record(app, named)
    serve(recorded, **request)
    return ladder(recorded.trace, lint(recorded.trace))


def health(app: WSGIApplication) -> WSGIApplication:
    return PreRoutingMiddleware(app, [Health("/healthz")])


def boundary(app: WSGIApplication) -> WSGIApplication:
    page = Answer("500 Internal Server Error", "sorry")
    return ErrorBoundaryMiddleware(app, page=lambda environ: page, logger=QUIET)


def broken(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    raise BrokenError("it broke")


def test_layer_that_answered_is_named_with_its_reason() -> None:
    text = ladder_of(answering(), health, path="/healthz")
    assert "answered by layer 0: it called nothing below" in text
    assert "not reached: application" in text


def test_error_that_became_a_response_is_named() -> None:
    text = ladder_of(broken, boundary)
    assert "answered by layer 0: BrokenError came from broken" in text
    assert "! BrokenError it broke" in text


def test_error_is_told_from_its_passing() -> None:
    text = ladder_of(broken, boundary, lambda app: lambda *given: app(*given))
    assert "answered by layer 0: BrokenError came from broken" in text
    assert "layer 1            · BrokenError passed through\n" in text
    assert "broken             ! BrokenError it broke\n" in text
    assert "0 chunks" not in text


def test_replaced_status_is_shown() -> None:
    def replacing(app: WSGIApplication) -> WSGIApplication:
        def layer(environ: WSGIEnvironment, start: Any) -> Iterable[bytes]:
            return app(environ, lambda status, *rest: start("404 Not Found", *rest))

        return layer

    text = ladder_of(answering(), replacing)
    assert "answered by layer 0: in place of 200 OK from application" in text
    assert "↑ 404 Not Found in place of 200 OK" in text


def test_changes_are_shown_with_their_sign() -> None:
    def change(status: str, headers: Headers) -> Headers:
        return [("A", "2"), ("C", "3")]

    def layer(app: WSGIApplication) -> WSGIApplication:
        def inner(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            return app({**environ, "test.new": 5}, changing_headers(start, change))

        return inner

    text = ladder_of(answering(headers=[("A", "1"), ("B", "2")]), layer)
    for line in ("↓ + test.new: 5", "↑ ~ A: 1 → 2", "↑ - B", "↑ + C: 3"):
        assert line in text


def test_long_list_of_changes_is_cut() -> None:
    text = ladder_of(answering(headers=[(f"X-{n}", "") for n in range(20)]))
    assert "↑ and 6 more" in text


def test_reads_writes_and_work_are_shown() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["wsgi.input"].read(1)
        with span("sql", "SELECT 1") as work:
            work.set(rows=3)
        start_response("200 OK", [])(b"written")
        return []

    text = ladder_of(app, lambda app: lambda *given: app(*given), method="POST", data=b"a")
    assert "↓ read 1 byte of the request" in text
    assert "· sql SELECT 1 0.00 ms rows=3\n" in text
    assert "↑ write() 1 time, 7 bytes" in text


def test_starts_and_closes_are_shown_when_they_are_odd() -> None:
    class Closing(WrappedBody):
        def close(self) -> None:
            self._body.close()  # type: ignore[attr-defined]
            self._body.close()  # type: ignore[attr-defined]

    def twice(environ: WSGIEnvironment, start_response: Any) -> Iterable[bytes]:
        try:
            raise BrokenError
        except BrokenError as error:
            start_response("200 OK", [])
            start_response("500 Error", [], (type(error), error, error.__traceback__))
        return TrackedBody()

    def layer(app: WSGIApplication) -> WSGIApplication:
        return lambda environ, start_response: Closing(app(environ, start_response))

    text = ladder_of(twice, layer)
    assert "↑ start_response 2 times" in text
    assert "↑ close() 2 times, by layer 0, layer 0" in text
    assert "faults: 1" in text
    assert "  ! layer 0: close() of the body was called more than once" in text
    assert 'PEP 3333, "Specification Details"' in text


def test_lost_close_is_shown() -> None:
    class Closing(WrappedBody):
        def close(self) -> None:
            pass

    def layer(app: WSGIApplication) -> WSGIApplication:
        return lambda environ, start_response: Closing(app(environ, start_response))

    assert "↑ close() never called by layer 0" in ladder_of(answering(TrackedBody()), layer)


def test_running_request_is_shown() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        yield b""

    recorded = record(app)
    Exchange().call(recorded)
    text = ladder(recorded.trace)
    assert "no response, 0 bytes, still running" in text
    assert "answered by" not in text


def test_lines_fit_the_width_and_hold_no_controls() -> None:
    recorded = record(answering(headers=[("X-Long", "x" * 200), ("X-Bell", "a\x1bb")]))
    serve(recorded, query_string="a=" + "b" * 200)
    for width in (80, 40):
        text = ladder(recorded.trace, width=width)
        assert max(map(len, text.splitlines())) == width
        assert "\x1b" not in text


def test_terminal_sees_colours() -> None:
    recorded = record(broken)
    with pytest.raises(BrokenError):
        serve(recorded)
    fault = Fault("application", "slow", "")
    text = ladder(recorded.trace, [fault], colour=True)
    assert "\x1b[1;31m" in text
    assert text.count("\x1b[0m") == 2


def test_terminal_sees_who_answered_and_who_did_nothing() -> None:
    recorded = record(answering(), [Layer("idle", lambda app: app, "")])
    serve(recorded)
    text = ladder(recorded.trace, colour=True)
    assert "\n\x1b[1manswered by application: " in text
    assert "\n\x1b[2m   0.00  idle               ·\x1b[0m\n" in text


def test_facts_and_what_others_did_are_shown() -> None:
    recorded = record(answering())
    serve(recorded)
    recorded.trace.set(route="/a", password="sesame")
    recorded.trace.show_outside(
        lambda trace: [outside("nginx", -0.25, 0.125, request_id="abc", worker=1)]
    )
    later = Span("job", "render", "", 0.0123)
    later.seconds = 0.001
    text = ladder(recorded.trace, later=[later])
    assert (
        " 125.00  nginx              · request id: abc\n"
        "                            · worker: 1\n"
        "   0.00  application        "
    ) in text
    assert "\nroute: /a\npassword: [hidden]\n" in text
    assert "\n   +12.30 ms  job render 1.00 ms\n" in text


def test_facts_are_bounded() -> None:
    recorded = record(answering())
    serve(recorded)
    recorded.trace.set(**{f"fact {number}": 1 for number in range(30)})
    assert len(recorded.trace.facts) == 20


def test_long_detail_of_a_span_stands_last() -> None:
    work = Span("sql", "SELECT " + "a, " * 20, "", 0)
    work.seconds = 0.0
    assert work.text.startswith("sql 0.00 ms SELECT a, ")

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from middleware.chain import Layer
from middleware.spans import NOT_RECORDED
from middleware.xray import Trace, record, span
from middleware.xray.spans import Span
from middleware.xray.trace import MAX_SPANS
from tests.middleware.serving import BrokenError, answering, serve


def trace_of(work: object) -> Trace:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        assert callable(work)
        work()
        return answering()(environ, start_response)

    recorded = record(app, [Layer("outer", lambda app: lambda *given: app(*given), "")])
    serve(recorded)
    return recorded.trace


def test_work_belongs_to_the_layer_that_runs() -> None:
    def work() -> None:
        with span("sql", "SELECT 1") as found:
            found.set(rows=3, password="sesame")

    (found,) = trace_of(work).spans
    assert (found.kind, found.detail, found.layer) == ("sql", "SELECT 1", "application")
    assert found.facts == {"rows": "3", "password": "[hidden]"}
    assert found.seconds is not None
    assert found.error is None


def test_failed_work_is_recorded() -> None:
    def work() -> None:
        with pytest.raises(BrokenError), span("redis", "GET"):
            raise BrokenError

    (found,) = trace_of(work).spans
    assert found.error == "BrokenError"
    assert " ms raised BrokenError" in found.text


def test_work_of_no_request_is_not_recorded() -> None:
    with span("sql") as found:
        found.set(rows=3)
    assert found is NOT_RECORDED


def test_work_of_another_thread_is_not_recorded() -> None:
    def work() -> None:
        def elsewhere() -> None:
            with span("sql"):
                pass

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join(60)

    assert trace_of(work).spans == []


def test_number_of_spans_and_facts_is_bounded() -> None:
    def work() -> None:
        for _ in range(MAX_SPANS + 5):
            with span("sql") as found:
                found.set(**{f"n{n}": n for n in range(50)})

    trace = trace_of(work)
    assert (len(trace.spans), trace.dropped) == (MAX_SPANS, 5)
    assert len(trace.spans[0].facts) == 20


def test_work_in_progress_says_so() -> None:
    texts = []

    def work() -> None:
        with span("job", "render") as found:
            assert isinstance(found, Span)
            texts.append(found.text)

    trace_of(work)
    assert texts == ["job render running"]


def test_work_within_work_is_deeper() -> None:
    def work() -> None:
        with span("action", "post"):
            with span("sql", "INSERT\n  INTO a"):
                pass
            with span("sql", "COMMIT"):
                pass

    found = [(each.detail, each.depth) for each in trace_of(work).spans]
    assert found == [("post", 0), ("INSERT INTO a", 1), ("COMMIT", 1)]


def test_what_comes_after_the_end_is_not_recorded() -> None:
    trace = trace_of(lambda: None)
    visit = trace.root
    visit.end_span(visit.begin_span("sql", "late"), None)
    visit.note_error(0, BrokenError("late"))
    assert trace.spans == []
    assert visit.trace.seconds_since(5.0) == 0.0
    assert [raised.text for raised in visit.raised] == ["late"]


def test_what_is_not_kept_is_freed_at_once() -> None:
    recorded = record(answering(), [Layer("outer", lambda app: lambda *given: app(*given), "")])
    serve(recorded)
    visits = [weakref.ref(visit) for visit in recorded.trace.visits]
    gc.disable()
    try:
        recorded.recorder.traces.clear()
        assert [each() for each in visits] == [None, None]
    finally:
        gc.enable()

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

from middleware.chain import Layer
from middleware.request_id import RequestIDMiddleware
from middleware.xray import Fault, Recording, lint, record, span
from middleware.xray.page import chosen, filters_of, list_page, trace_page, two_page
from middleware.xray.spans import Span, outside
from tests.middleware.serving import BrokenError, Exchange, answering, serve

LAYERS = [
    Layer("request id", RequestIDMiddleware, ""),
    Layer("copying", lambda app: lambda environ, start: app({**environ, "test.new": 1}, start), ""),
]
VOID = {"meta", "input"}


class Balanced(HTMLParser):
    """Checks that each element is closed where it was opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def working(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    with span("sql", "SELECT <1>"):
        pass
    return answering()(environ, start_response)


def broken(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    raise BrokenError("<it broke>")


def silent(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    yield b""


def recorded(*paths: str) -> Recording:
    recording = record(working, LAYERS)
    for path in paths:
        serve(recording, path)
    return recording


def test_ladder_shows_layers_work_and_changes() -> None:
    recording = recorded("/a")
    text = trace_page(recording.trace, lint(recording.trace))
    Balanced(text)
    assert "Answered by <b>working</b>: it called nothing below." in text
    assert '<p class="add">↓ + <code>test.new: 1</code></p>' in text
    assert '<p class="add">↑ + <code>X-Request-ID: ' in text
    assert "<p>· sql SELECT &lt;1&gt; 0.00 ms</p>" in text
    assert "<svg" in text
    assert '<li class="here">' in text


def test_facts_and_what_others_did_are_shown() -> None:
    trace = recorded("/a").trace
    trace.set(request_id="<1>")
    trace.show_outside(lambda trace: [outside("nginx", -0.25, 0.125, request_id="<2>")])
    assert trace_page(trace, []).count(">nginx<") == 2
    text = trace_page(trace, [], later=[Span("job", "<render>", "", 0.0123)])
    Balanced(text)
    assert '<p class="mute">request id: &lt;1&gt;</p>' in text
    assert "<b>nginx</b>" in text
    assert "<p>· request id: &lt;2&gt;</p>" in text
    assert '<li><span class="mute">+12.30 ms</span> job &lt;render&gt; running</li>' in text


def test_nothing_of_a_request_is_markup() -> None:
    recording = recorded("/<script>")
    serve(recording, "/<script>", headers={"X-Markup": "<script>"})
    trace = recording.trace
    fault = Fault("working", "slow", "<script>")
    for text in (
        trace_page(trace, [fault], recording.traces[:1]),
        list_page(recording.traces, {"path": "<script>"}),
        two_page(*recording.traces),
    ):
        Balanced(text)
        assert "<script>" not in text


def test_faults_and_errors_are_marked() -> None:
    recording = record(broken, LAYERS)
    with pytest.raises(BrokenError):
        serve(recording)
    text = trace_page(recording.trace, [])
    Balanced(text)
    # That which it only passed through is not.
    assert text.count('<li class="bad">') == 1
    assert text.count("<p>· BrokenError passed through</p>") == 2
    assert "! BrokenError &lt;it broke&gt;" in text


def test_layers_not_reached_are_listed() -> None:
    recording = record(broken, [Layer("answering", lambda app: answering(), "")])
    serve(recording)
    assert "Not reached: broken" in trace_page(recording.trace, [])


def test_removed_and_changed_values_are_told_apart() -> None:
    def layer(app: WSGIApplication) -> WSGIApplication:
        def middleware(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            environ.pop("HTTP_HOST")
            environ["QUERY_STRING"] = "a=2"
            return app(environ, start)

        return middleware

    recording = record(answering(), [Layer("changing", layer, "")])
    serve(recording, query_string="a=1")
    text = trace_page(recording.trace, [])
    assert '<p class="del">↓ - <code>HTTP_HOST</code></p>' in text
    assert '<p class="mod">↓ ~ <code>QUERY_STRING: a=1 → a=2</code></p>' in text


def test_running_request_is_shown() -> None:
    recording = record(silent)
    Exchange().call(recording)
    Balanced(trace_page(recording.trace, []))
    assert "no response, 0 bytes, still running" in trace_page(recording.trace, [])
    assert "<td>running</td>" in list_page(recording.traces, {})


def test_empty_list_says_so() -> None:
    assert "No request is kept that fits." in list_page([], {})


@pytest.mark.parametrize(
    ("query", "paths"),
    [
        ("", ["/a", "/b"]),
        ("path=a", ["/a"]),
        ("status=200", ["/a", "/b"]),
        ("status=404", []),
        ("slower=0", ["/a", "/b"]),
        ("slower=3600000", []),
        ("slower=much", ["/a", "/b"]),
        ("layer=copying", ["/a", "/b"]),
        ("layer=cache", []),
        ("other=1", ["/a", "/b"]),
    ],
)
def test_list_is_filtered(query: str, paths: list[str]) -> None:
    found = chosen(recorded("/a", "/b").traces, filters_of(query))
    assert [trace.path for trace in found] == paths

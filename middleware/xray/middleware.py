"""Answer with the journey of a request, and show the journeys of the last ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from middleware._options import function_of
from middleware._wsgi import Headers, changing_headers, close_body
from middleware.answer import Answer
from middleware.xray.access import FIELD
from middleware.xray.export import as_har, as_json, summary_of
from middleware.xray.lint import lint
from middleware.xray.page import POLICY, chosen, filters_of, list_page, trace_page, two_page
from middleware.xray.probe import KEY, Recorder
from middleware.xray.running import clock
from middleware.xray.spans import Span
from middleware.xray.text import ladder
from middleware.xray.timing import server_timing_of
from middleware.xray.trace import Trace

NO_STORE = [("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")]
TEXT = "text/plain; charset=utf-8"
NOT_FOUND = Answer("404 Not Found", "No such request is kept.\n", NO_STORE)
# Of a response that does not end, such as a stream, only the beginning is looked at.
MAX_CHUNKS = 1000
MAX_SECONDS = 2.0


def nothing(trace: Trace) -> Sequence[Span]:
    """Know of nothing that others did for a request."""
    return ()


class XRayMiddleware:
    """Show what was recorded, to those who may see it.

    Request: one with the field `X-Ray` is answered with the ladder of its layers, as text, in
        place of its response, with its id in `X-Ray`; one for a path below `path` with what was
        recorded.
    Response: all others pass, with `Server-Timing` for those who may see it.

    `recorder`: the recorder whose probes stand in the application.
    `allow(environ)`: who may see it; everybody else gets what they would get without. See
        `middleware.xray.access.Access`.
    `later(trace)`: what other processes did for a request, if anybody knows.
    `path`: where the last requests are shown. `PATH` is the list, with `?path=`, `status=`,
        `slower=` (milliseconds) and `layer=` to choose from it; `PATH` and an id is one request,
        `ID..ID` two. These are pages for browsers, and text for others; `ID.json` and `ID.har`, or
        `all` in place of the id, have these forms.

    Reads `middleware.xray` and `HTTP_X_RAY`; writes nothing.

    Place: outside the outermost probe.

    Rules: RFC 9111 section 5.2.2.5: what it answers itself is not stored. HEAD gets the headers of
    GET (RFC 9110 section 9.3.2). W3C Server Timing.

    Of a response that does not end, it shows what comes until the first chunk after two seconds; it
    does not touch upgrades.
    """

    def __init__(
        self,
        app: WSGIApplication,
        recorder: Recorder,
        *,
        allow: Callable[[WSGIEnvironment], bool],
        later: Callable[[Trace], Sequence[Span]] = nothing,
        path: str = "/__xray__/",
    ) -> None:
        self.app = app
        self.recorder = recorder
        self.allow = function_of("allow", allow)
        self.later = function_of("later", later)
        if not (path.startswith("/") and path.endswith("/")):
            raise ValueError(f"path must begin and end with '/', not {path!r}")
        self.path = path

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith(self.path) and self.allow(environ):
            return self.page(path[len(self.path) :], environ)(environ, start_response)
        if not self.allow(environ):
            return self.app(environ, start_response)
        if FIELD in environ and "HTTP_UPGRADE" not in environ:
            return self.instead(environ)(environ, start_response)

        def with_timing(status: str, headers: Headers) -> Headers:
            trace = environ.get(KEY)
            if not isinstance(trace, Trace):
                return headers
            return [*headers, ("Server-Timing", server_timing_of(trace))]

        return self.app(environ, changing_headers(start_response, with_timing))

    def page(self, name: str, environ: WSGIEnvironment) -> Answer:
        """Return what is shown under a name below our path."""
        identity, _, form = name.partition(".")
        every = list(self.recorder.traces)[::-1]
        if form.startswith("."):
            pair = [found for part in (identity, form[1:]) for found in every if found.id == part]
            return html_answer(two_page(*pair)) if len(pair) == 2 else NOT_FOUND
        is_list = identity in {"", "all"}
        found = every if is_list else [trace for trace in every if trace.id == identity]
        if form not in {"", "json", "har"} or (not found and not is_list):
            return NOT_FOUND
        if form == "har":
            return json_answer(as_har(found[::-1]))
        wants_html = "text/html" in environ.get("HTTP_ACCEPT", "")
        if is_list:
            filters = filters_of(environ.get("QUERY_STRING", ""))
            if form == "json":
                return json_answer([summary_of(trace) for trace in chosen(every, filters)])
            if wants_html:
                return html_answer(list_page(every, filters))
            lines = "".join(lines_of(chosen(every, filters)))
            return Answer("200 OK", lines, NO_STORE, content_type=TEXT)
        trace, faults, later = found[0], lint(found[0]), self.later(found[0])
        if form == "json":
            return json_answer(as_json(trace, faults, later))
        if not wants_html:
            return text_answer(trace, later)
        others = [other for other in every if other is not trace and other.path == trace.path]
        return html_answer(trace_page(trace, faults, others[:10], later))

    def instead(self, environ: WSGIEnvironment) -> Answer:
        """Run the request, and answer with its ladder."""
        run(self.app, environ)
        trace = environ.get(KEY)
        if not isinstance(trace, Trace):
            return Answer("200 OK", "This request was not recorded.\n", NO_STORE)
        return text_answer(trace, self.later(trace), [("X-Ray", trace.id)])


def run(app: WSGIApplication, environ: WSGIEnvironment) -> None:
    """Run a request as a server does, and send nothing. Its error is in its trace."""
    until = clock() + MAX_SECONDS
    # Whoever asks sees an error on the ladder.
    with suppress(Exception):
        body = app(environ, lambda status, headers, exc_info=None, /: lambda chunk: None)
        try:
            for number, _ in enumerate(body, 1):
                if number >= MAX_CHUNKS or clock() > until:
                    break
        finally:
            close_body(body)


def lines_of(traces: Iterable[Trace]) -> Iterator[str]:
    """Return a line for each request."""
    for trace in traces:
        took = "running" if trace.seconds is None else f"{trace.seconds * 1000:.1f} ms"
        faults = len(lint(trace))
        path = trace.path if len(trace.path) <= 36 else f"{trace.path[:35]}…"
        line = f"{trace.id:<12} {trace.method:<7} {path:<36} {trace.status[:3]:<3} {took:>10}"
        yield f"{line} {f'! {faults}' if faults else ''}".rstrip() + "\n"


def html_answer(text: str) -> Answer:
    fields = [*NO_STORE, ("Content-Security-Policy", POLICY), ("Referrer-Policy", "no-referrer")]
    return Answer("200 OK", text, fields, content_type="text/html; charset=utf-8")


def text_answer(
    trace: Trace, later: Sequence[Span], more: Sequence[tuple[str, str]] = ()
) -> Answer:
    text = ladder(trace, lint(trace), later=later)
    return Answer("200 OK", text, [*NO_STORE, *more], content_type=TEXT)


def json_answer(value: Any) -> Answer:
    text = json.dumps(value, ensure_ascii=False, indent=1)
    return Answer("200 OK", text + "\n", NO_STORE, content_type="application/json")

"""Answer with the journey of a request, and show the journeys of the last ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from types import FunctionType, MethodType
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from middleware._options import function_of
from middleware._wsgi import Headers, changing_headers, close_body
from middleware.answer import Answer
from middleware.xray.access import FIELD
from middleware.xray.assets import ASSETS
from middleware.xray.export import as_har, as_json, summary_of
from middleware.xray.lint import lint
from middleware.xray.page import (
    POLICY,
    chosen,
    filters_of,
    list_page,
    missing_page,
    trace_page,
    two_page,
)
from middleware.xray.panel import with_panel
from middleware.xray.probe import KEY, Probe, Recorder
from middleware.xray.running import clock
from middleware.xray.shared import SharedTraces, began_at
from middleware.xray.spans import Span
from middleware.xray.text import cut_to, ladder
from middleware.xray.timing import server_timing_of
from middleware.xray.trace import Trace

NO_STORE = [("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")]
TEXT = "text/plain; charset=utf-8"
NOT_FOUND = "404 Not Found"
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
    `allow(environ)`: who may see it; everybody else gets what they would get without
        X-ray. See `middleware.xray.access.Access`. If it has an attribute `needed`, it is not asked
        about requests whose environ lacks that entry.
    `shared`: the recordings of other processes of this host; see `middleware.xray.shared`.
    `plain`: the same chain without probes. Those who may not see X-ray get it, and pay nothing for
        X-ray; without it they get `app`. If that is from `probed(chain, recorder)`, and `allow`
        is the recorder's `when` too, it is that chain.
    `later(trace)`: what other processes did for a request, if anybody knows.
    `path`: where the last requests are shown. `PATH` is the list, with `?path=`, `status=`,
        `slower=` (milliseconds) and `layer=` to choose from it; `PATH` and an id is one request,
        `ID..ID` two. These are pages for browsers, and text for others; `ID.json` and `ID.har`, or
        `all` in place of the id, have these forms.
    `panel`: whether pages for browsers (`Accept` has `text/html`) get a line at their foot that
        leads to their own ladder; it is put in by `middleware.rewriting`, so its rules hold, and
        needs no more of a Content-Security-Policy than styles from the page's own origin.

    Reads `middleware.xray` and `HTTP_X_RAY`; writes nothing.

    Place: outside the outermost probe.

    Rules: RFC 9111 section 5.2.2.5: what it answers itself is not stored. HEAD gets the headers of
    GET (RFC 9110 section 9.3.2). W3C Server Timing.

    A response may never end, so X-ray shows it as far as the first chunk that comes after two
    seconds. It does not touch upgrades.
    """

    def __init__(
        self,
        app: WSGIApplication,
        recorder: Recorder,
        *,
        allow: Callable[[WSGIEnvironment], bool],
        later: Callable[[Trace], Sequence[Span]] = nothing,
        shared: SharedTraces | None = None,
        plain: WSGIApplication | None = None,
        path: str = "/__xray__/",
        panel: bool = False,
    ) -> None:
        self.app = app
        self.recorder = recorder
        self.allow = function_of("allow", allow)
        self.later = function_of("later", later)
        if not (path.startswith("/") and path.endswith("/")):
            raise ValueError(f"path must begin and end with '/', not {path!r}")
        self.path = path
        self.shown_app = with_panel(app, path) if panel else app
        self.shared = shared
        if plain is None and isinstance(app, Probe) and recorder.when is allow:
            # What would not be recorded, nor shown, needs no probes.
            plain = app.plain
        self.plain = app if plain is None else plain
        # Without this entry of environ, a request is one of everybody else's; if it is known.
        self.needed: str | None = getattr(allow, "needed", None)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        needed = self.needed
        if (needed is not None and needed not in environ) or not self.allow(environ):
            return self._pass(environ, start_response)
        path = environ.get("PATH_INFO", "")
        if path.startswith(self.path):
            return self.page(path[len(self.path) :], environ)(environ, start_response)
        if FIELD in environ and "HTTP_UPGRADE" not in environ:
            return self.instead(environ)(environ, start_response)

        def with_timing(status: str, headers: Headers) -> Headers:
            trace = environ.get(KEY)
            if not isinstance(trace, Trace):
                return headers
            return [*headers, ("Server-Timing", server_timing_of(trace))]

        # Only browsers show a panel; other clients need not pay for it.
        is_page = "text/html" in environ.get("HTTP_ACCEPT", "")
        app = self.shown_app if is_page else self.app
        return app(environ, changing_headers(start_response, with_timing))

    @property
    def plain(self) -> WSGIApplication:
        """The application of those who may not see X-ray."""
        return self._plain

    @plain.setter
    def plain(self, app: WSGIApplication) -> None:
        self._plain = app
        call = type(app).__call__
        # A method is called faster than an object that has it.
        self._pass = MethodType(call, app) if isinstance(call, FunctionType) else app

    def page(self, name: str, environ: WSGIEnvironment) -> Answer:
        """Return what is shown under a name below our path."""
        if name in ASSETS:
            text, media_type = ASSETS[name]
            return Answer("200 OK", text, NO_STORE, content_type=media_type)
        identity, _, form = name.partition(".")
        wants_html = "text/html" in environ.get("HTTP_ACCEPT", "")
        if form.startswith("."):
            one, two = self.find(identity), self.find(form[1:])
            if one is None or two is None:
                return self.missing(form[1:] if one else identity, "", wants_html=wants_html)
            return html_answer(two_page(one, two))
        if form not in {"", "json", "har"}:
            return self.missing(name, "", wants_html=wants_html)
        if identity in {"", "all"}:
            return self.listed(form, environ.get("QUERY_STRING", ""), wants_html=wants_html)
        trace = self.find(identity)
        if trace is None:
            return self.missing(identity, form, wants_html=wants_html)
        return self.shown(trace, form, wants_html=wants_html)

    def missing(self, identity: str, form: str, *, wants_html: bool) -> Answer:
        """Say that a request is not kept, and what to do."""
        identity = cut_to(identity, 40)
        keep = self.recorder.traces.maxlen
        detail = f"The last {keep} requests are kept, as long as the process that answered runs."
        if form:
            about = {"title": f"Request {identity} is not kept.", "status": 404, "detail": detail}
            return json_answer(about, NOT_FOUND, "application/problem+json")
        if wants_html:
            return html_answer(missing_page(identity, detail), NOT_FOUND)
        text = (
            f"Request {identity} is not kept.\n\n{detail}\n{self.path} lists them. "
            "To see one, ask for it again:\n\n    curl -H 'X-Ray: 1' ADDRESS\n"
        )
        return Answer(NOT_FOUND, text, NO_STORE, content_type=TEXT)

    def own(self) -> list[Trace]:
        """List those of this process; another thread may be about to call the first layer."""
        return [trace for trace in list(self.recorder.traces) if trace.visits]

    def every(self) -> list[Trace]:
        """List the last requests of this process, and of those with which it shares, newest first.

        Those that are running are known to their own process only.
        """
        own = self.own()
        keep = self.recorder.traces.maxlen or 0
        others = [] if self.shared is None else self.shared.newest(keep)
        return sorted([*own, *others], key=began_at, reverse=True)[:keep]

    def find(self, identity: str) -> Trace | None:
        """Return the request with this id, of any process that shares."""
        for trace in self.own():
            if trace.id == identity:
                return trace
        return None if self.shared is None else self.shared.find(identity)

    def listed(self, form: str, query: str, *, wants_html: bool) -> Answer:
        """Return the last requests."""
        every = self.every()
        if form == "har":
            return json_answer(as_har(every[::-1]))
        filters = filters_of(query)
        if form == "json":
            return json_answer([summary_of(trace) for trace in chosen(every, filters)])
        if wants_html:
            return html_answer(list_page(every, filters, is_live="live=" in query))
        lines = "".join(lines_of(chosen(every, filters)))
        return Answer("200 OK", lines, NO_STORE, content_type=TEXT)

    def shown(self, trace: Trace, form: str, *, wants_html: bool) -> Answer:
        """Return one request."""
        if form == "har":
            return json_answer(as_har([trace]))
        faults, later = lint(trace), self.later(trace)
        if form == "json":
            return json_answer(as_json(trace, faults, later))
        if not wants_html:
            return text_answer(trace, later)
        others = [other for other in self.every() if other.path == trace.path]
        others = [other for other in others if other.id != trace.id][:10]
        return html_answer(trace_page(trace, faults, others, later))

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
        method, path = cut_to(trace.method, 20), cut_to(trace.path, 36)
        line = f"{trace.id:<12} {method:<7} {path:<36} {trace.status[:3]:<3} {took:>10}"
        yield f"{line} {f'! {faults}' if faults else ''}".rstrip() + "\n"


def html_answer(text: str, status: str = "200 OK") -> Answer:
    fields = [*NO_STORE, ("Content-Security-Policy", POLICY), ("Referrer-Policy", "no-referrer")]
    return Answer(status, text, fields, content_type="text/html; charset=utf-8")


def text_answer(
    trace: Trace, later: Sequence[Span], more: Sequence[tuple[str, str]] = ()
) -> Answer:
    text = ladder(trace, lint(trace), later=later)
    return Answer("200 OK", text, [*NO_STORE, *more], content_type=TEXT)


def json_answer(value: Any, status: str = "200 OK", media_type: str = "application/json") -> Answer:
    text = json.dumps(value, ensure_ascii=False, indent=1)
    return Answer(status, text + "\n", NO_STORE, content_type=media_type)

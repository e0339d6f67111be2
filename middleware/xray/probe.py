"""Stand before one layer, and record each call of it.

Environ keys written: `middleware.xray`, the request's `Trace`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, TypeGuard
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from middleware._options import function_of
from middleware._wsgi import ExcInfo
from middleware.chain import APPLICATION
from middleware.xray.differences import changed_entries, differences_of_environs
from middleware.xray.mistakes import (
    note_mistakes_of_environ,
    note_mistakes_of_headers,
    note_mistakes_of_status,
)
from middleware.xray.names import name_of
from middleware.xray.running import RUNNING, Turn, UpwardTurn, clock
from middleware.xray.streams import RecordedInput, recorded_body, recorded_write
from middleware.xray.trace import MAX_VISITS, Trace
from middleware.xray.values import Fields, kept_fields, kept_status
from middleware.xray.visit import CALL, MAX_STARTS, Start, Visit

KEY = "middleware.xray"


class Recorder:
    """Makes the probes of one chain, and keeps the last traces.

    `keep`: how many requests are kept; 200 unless given.
    `when(environ)`: which requests are recorded; all unless given.
    `began(trace, environ)`: called when the outermost layer is about to be; it may add what is
        known of the server, and of the request as a whole.
    `ended(trace)`: called when the outermost body is closed.
    """

    def __init__(
        self,
        *,
        keep: int = 200,
        when: Callable[[WSGIEnvironment], bool] | None = None,
        began: Callable[[Trace, WSGIEnvironment], object] | None = None,
        ended: Callable[[Trace], object] | None = None,
    ) -> None:
        self.traces: deque[Trace] = deque(maxlen=keep)
        self.when = function_of("when", when)
        self.began = function_of("began", began)
        self.ended = function_of("ended", ended)
        # Innermost first, in the order in which a chain is built.
        self.built: list[str] = []
        self.names: tuple[str, ...] = ()

    def probe(self, name: str, app: WSGIApplication) -> WSGIApplication:
        """Return the layer with a probe before it. Call it for the innermost layer first.

        The application of a `chain` is named after its class.
        """
        name = name_of(app) if name == APPLICATION else name
        self.built.append(name)
        self.names = tuple(reversed(self.built))
        return Probe(self, name, app, len(self.built) - 1)

    def begin(self, environ: WSGIEnvironment) -> Trace | None:
        """Begin the trace of a request, unless it is not to be recorded."""
        environ.pop(KEY, None)
        if self.when is not None and not self.when(environ):
            return None
        trace = Trace(environ, self.names, self, self.ended)
        self.traces.append(trace)
        if self.began is not None:
            self.began(trace, environ)
        return trace


class Probe:
    """Stands before one layer of a chain; see `Recorder.probe`.

    Request: `wsgi.input` is replaced by an equal stream that records who reads it.
    Response: passes unchanged.

    Writes `middleware.xray`. Place: before each layer, and before the application. It follows PEP
    3333 as far as what it stands between does: faults pass it, and are recorded.
    """

    __slots__ = ("app", "name", "place", "recorder")

    def __init__(self, recorder: Recorder, name: str, app: WSGIApplication, place: int) -> None:
        self.recorder = recorder
        self.name = name
        self.app = app
        self.place = place

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        trace, parent = self.find(environ)
        if trace is None or len(trace.visits) >= MAX_VISITS:
            return self.app(environ, start_response)
        began = trace.began
        begin = clock()
        visit = Visit(trace, parent, self.name, self.place, begin - began)
        receive(environ, visit)
        trace.add_visit(visit)
        start = recorded_start(start_response, visit, trace)
        turn = Turn(visit, trace, CALL, begin)
        try:
            body = self.app(environ, start)
        except BaseException as error:
            visit.note_error(CALL, error)
            turn.end()
            if parent is None:
                trace.end()
            raise
        visit.returned = turn.end() - began
        recorded: Iterable[bytes] = recorded_body(body, visit, trace)
        return recorded

    def find(self, environ: WSGIEnvironment) -> tuple[Trace | None, Visit | None]:
        """Return the request's trace, and the visit that called this layer."""
        if self.place == len(self.recorder.names) - 1:
            trace = self.recorder.begin(environ)
            if trace is not None:
                environ[KEY] = trace
            return trace, None
        cursor = RUNNING.get()
        running = None if cursor is None else cursor.visit
        # A layer that makes a new environ leaves out our key, so what runs is asked first. It is
        # unknown where a layer calls the next in another thread.
        if running is not None and running.place > self.place and self.owns(running.trace):
            return running.trace, running
        found = environ.get(KEY)
        return (found, found.parent_for(self.place)) if self.owns(found) else (None, None)

    def owns(self, trace: object) -> TypeGuard[Trace]:
        return isinstance(trace, Trace) and trace.owner is self.recorder


def receive(environ: WSGIEnvironment, visit: Visit) -> None:
    """Record environ as it comes, and put a stream into it that records."""
    parent = visit.caller
    before = None if parent is None else parent.raw_environ
    if parent is not None and before is not None:
        changed, removed = changed_entries(before, environ)
        if not changed and not removed and type(environ) is dict:
            # Nothing to record, and no need for another copy.
            visit.method, visit.environ_type = parent.method, "dict"
            visit.raw_environ = before
            return
        visit.received = differences_of_environs(before, changed, removed)
        note_mistakes_of_environ(environ, changed, removed, parent)
    stream = environ.get("wsgi.input")
    if stream is not None and type(stream) is not RecordedInput:
        environ["wsgi.input"] = RecordedInput(stream, visit, environ)
    visit.method = str(environ.get("REQUEST_METHOD", ""))[:20]
    visit.environ_type = type(environ).__name__
    visit.raw_environ = dict(environ)


def recorded_start(start_response: StartResponse, visit: Visit, trace: Trace) -> Callable[..., Any]:
    """Return what stands in for the `start_response` that a layer got from above."""

    def start(status: str, headers: Any, exc_info: ExcInfo | None = None) -> Any:
        now = clock()
        error = None if exc_info is None else getattr(exc_info[0], "__name__", "?")
        fields = fields_of(headers, visit)
        entry = Start(kept_status(status), fields, error, now - trace.began, trace.next_order())
        entry.out_before = visit.content_bytes
        if len(visit.starts) < MAX_STARTS:
            visit.starts = (*visit.starts, entry)
        note_mistakes_of_status(status, visit)
        turn = UpwardTurn(visit, now)
        try:
            write = start_response(status, headers, exc_info)
        except BaseException as refusal:
            entry.refused = type(refusal).__name__
            raise
        finally:
            # If the server raises it, its traceback holds this frame: a reference cycle.
            exc_info = None
            turn.end()
        entry.has_write = callable(write)
        return recorded_write(write, visit, trace)

    return start


def fields_of(headers: Any, visit: Visit) -> Fields:
    """Return what is recorded of a header list, and note what is wrong with it.

    Most layers pass on the list of the one below, or add to it: what is known of that is used.
    """
    inner = visit.below[-1] if visit.below else None
    start = None if inner is None else inner.start
    known = None if inner is None else inner.raw_headers
    if (
        known is None
        or start is None
        or type(headers) is not list
        or known != headers[: len(known)]
    ):
        is_sound = note_mistakes_of_headers(headers, visit)
        fields = kept_fields(headers)
    elif len(headers) == len(known):
        visit.raw_headers = known
        return start.fields
    else:
        added = headers[len(known) :]
        is_sound = not added or note_mistakes_of_headers(added, visit)
        fields = start.fields + kept_fields(added) if added else start.fields
    visit.raw_headers = list(headers) if is_sound else None
    return fields

"""Stand before one layer, and record each call of it.

Environ keys written: `middleware.xray`, the request's `Trace`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeGuard
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from middleware._options import function_of
from middleware.chain import APPLICATION
from middleware.xray.differences import changed_entries, differences_of_environs, is_same
from middleware.xray.inputs import RecordedInput
from middleware.xray.mistakes import note_mistakes_of_environ, note_retyped
from middleware.xray.names import name_of
from middleware.xray.running import RUNNING, Cursor, clock
from middleware.xray.starts import recorded_start
from middleware.xray.streams import recorded_body
from middleware.xray.trace import MAX_VISITS, Trace
from middleware.xray.values import PlainEntries, PlainFields
from middleware.xray.visit import CALL, INNER, Visit

KEY = "middleware.xray"


class Recorder:
    """Makes the probes of one chain, and keeps the last traces.

    `keep`: how many requests are kept; 200 unless given.
    `when(environ)`: which requests are recorded; all unless given.
    `began(trace, environ)`: called when the outermost layer is about to be called; it may add what
        is known of the server, and of the request as a whole.
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
        self.outermost = -1
        self.plain_fields = PlainFields()
        self.plain_entries = PlainEntries()

    def probe(self, name: str, app: WSGIApplication) -> Probe:
        """Return the layer with a probe before it. Call it for the innermost layer first.

        The application of a `chain` is named after its class.
        """
        name = name_of(app) if name == APPLICATION else name
        self.built.append(name)
        self.names = tuple(reversed(self.built))
        self.outermost = len(self.built) - 1
        return Probe(self, name, app, self.outermost)

    def begin(self, environ: WSGIEnvironment) -> Trace | None:
        """Begin the trace of a request, unless it is not to be recorded."""
        environ.pop(KEY, None)
        if self.when is not None and not self.when(environ):
            return None
        trace = Trace(environ, self.names, self, self.ended, self.plain_entries)
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

    __slots__ = ("app", "name", "place", "plain", "recorder")

    def __init__(self, recorder: Recorder, name: str, app: WSGIApplication, place: int) -> None:
        self.recorder = recorder
        self.name = name
        self.app = app
        self.place = place
        # The whole chain without probes, if it is known.
        self.plain: WSGIApplication | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # Written out, as it runs for each layer, also of requests of which nothing is recorded.
        outer = cursor = RUNNING.get()
        recorder, place = self.recorder, self.place
        before = parent = None if cursor is None else cursor.visit
        if cursor is None and KEY not in environ and place != recorder.outermost:
            return self.app(environ, start_response)
        trace: Trace | None
        # A layer that makes a new environ leaves out our key, so what runs is asked first.
        if (
            parent is not None
            and parent.place > place
            and parent.trace.owner is recorder
            and place != recorder.outermost
        ):
            trace = parent.trace  # type: ignore[assignment] # It has an owner, so it is one.
        else:
            trace, parent = self.find(environ)
        if trace is None or len(trace.visits) >= MAX_VISITS:
            return self.app(environ, start_response)
        if cursor is None or cursor.trace is not trace:
            cursor = Cursor(trace)
            RUNNING.set(cursor)
            before = None
        begin = clock()
        cursor.visit = visit = Visit(trace, parent, self.name, place, begin - trace.began)
        receive(environ, visit, parent, trace)
        start = recorded_start(start_response, visit, trace, recorder.plain_fields)
        try:
            body = self.app(environ, start)
        except BaseException as error:
            visit.note_error(CALL, error)
            raise
        finally:
            visit.times[CALL] += (seconds := clock() - begin)
            if before is not None:
                before.times[INNER + before.phase] += seconds
            cursor.visit = before
            if outer is not cursor:
                RUNNING.set(outer)
            if visit.raised and parent is None:
                trace.end()
        visit.returned = visit.called + seconds
        recorded: Iterable[bytes] = recorded_body(body, visit, trace)
        return recorded

    def find(self, environ: WSGIEnvironment) -> tuple[Trace | None, Visit | None]:
        """Return the request's trace, and the visit that called this layer.

        What runs is unknown where a layer calls the next in another thread.
        """
        if self.place == self.recorder.outermost:
            trace = self.recorder.begin(environ)
            if trace is not None:
                environ[KEY] = trace
            return trace, None
        found = environ.get(KEY)
        return (found, found.parent_for(self.place)) if self.owns(found) else (None, None)

    def owns(self, trace: object) -> TypeGuard[Trace]:
        return isinstance(trace, Trace) and trace.owner is self.recorder


def receive(environ: WSGIEnvironment, visit: Visit, parent: Visit | None, trace: Trace) -> None:
    """Record environ as it comes, and put a stream into it that records."""
    trace.visits.append(visit)
    before = None
    if parent is not None:
        visit.out_when_called = parent.chunks + parent.writes
        parent.below = (*parent.below, visit)
        before = parent.raw_environ
    if parent is not None and before is not None:
        if type(environ) is dict and is_same(before, environ):
            # Nothing to record, and no need for another copy.
            visit.raw_environ, visit.method = before, parent.method
            visit.raw_values = [*environ.values()]
            return
        note_retyped(parent)
        before = parent.raw_environ or before
        changed, removed = changed_entries(before, environ)
        visit.received = differences_of_environs(before, changed, removed)
        note_mistakes_of_environ(environ, changed, removed, parent)
    stream = environ.get("wsgi.input")
    if stream is not None and type(stream) is not RecordedInput:
        outer = None if before is None else before.get("wsgi.input")
        environ["wsgi.input"] = RecordedInput(stream, visit, environ, outer)
    visit.method = str(environ.get("REQUEST_METHOD", ""))[:20]
    if type(environ) is not dict:
        visit.environ_type = type(environ).__name__
    visit.raw_environ = dict(environ)

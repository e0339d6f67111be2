"""Hold what was recorded of one layer: a `Visit` is one call of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar
from weakref import ReferenceType
from wsgiref.types import WSGIEnvironment

from middleware._wsgi import Headers
from middleware.xray.differences import NO_DIFFERENCES, Differences, differences_of_fields
from middleware.xray.spans import Span
from middleware.xray.values import Fields, kept_text

V = TypeVar("V")

# The phases of a visit, in which time is spent.
CALL, ITERATION, CLOSE = range(3)
INNER = 3
# Who called the outermost layer, and closes what it returned.
SERVER = "server"
PHASES = ("call", "iteration", "close")

# Bounds of what one visit may fill.
MAX_STARTS = 10
MAX_NOTES = 50


class Journey(Protocol):
    """What a visit knows of the trace that it belongs to."""

    owner: object

    def seconds_since(self, moment: float) -> float:
        """Return how long after the request's begin a moment of the clock was."""

    def now(self) -> float:
        """Return how long ago the request began."""

    def next_order(self) -> int:
        """Count the events of the request."""

    def add_span(self, span: Span) -> None:
        """Keep a piece of work, if there is room."""


class Ended:
    """Stands for the trace of a request that is over."""

    owner: object = None

    def seconds_since(self, moment: float) -> float:
        """Return 0: what is late has no time."""
        return 0.0

    def now(self) -> float:
        return 0.0

    def next_order(self) -> int:
        """Return a number behind all others."""
        return MAX_ORDER

    def add_span(self, span: Span) -> None:
        """Keep nothing."""


MAX_ORDER = 2**31
ENDED = Ended()


class Note:
    """Something that was seen when it happened, which `lint` may name as a fault."""

    __slots__ = ("code", "detail")

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        self.detail = detail


class Raised:
    """An exception that left a layer; `order` counts the events of the request."""

    __slots__ = ("name", "order", "phase", "text")

    def __init__(self, phase: int, error: BaseException, order: int) -> None:
        self.phase = phase
        self.name = type(error).__name__
        self.text = kept_text(error)
        self.order = order


class Start:
    """One call of `start_response` by a layer."""

    __slots__ = ("at", "error", "fields", "has_write", "order", "refused", "status")

    def __init__(self, status: str, fields: Fields, error: str | None, order: int) -> None:
        self.status = status
        self.fields = fields
        # The type of the exception in `exc_info`.
        self.error = error
        # Seconds since the request began.
        self.at = 0.0
        self.order = order
        # The type of the exception that the layer above raised from it.
        self.refused: str | None = None
        # Whether the layer above returned something that can be called; None if it raised.
        self.has_write: bool | None = None

    @property
    def code(self) -> str:
        return self.status[:3]

    def values_of(self, name: str) -> list[str]:
        """List the values of the lines that carry the field; `name` in lower case."""
        return [value for field, value in self.fields if field.lower() == name]

    def value_of(self, name: str) -> str | None:
        """Join the values of a field; None if there is none."""
        values = self.values_of(name.lower())
        return ", ".join(values) if values else None


class Visit:
    """One call of one layer: what it got from above, and what it gave back.

    Its own work is what differs between it and the visits in `below`.
    """

    # Many are made: without a dictionary each, they cost less.
    __slots__ = (
        "__weakref__", "below", "body_has_close", "body_type", "bytes", "called", "called_by",
        "caller", "checksum", "chunks", "close_calls", "closed_by", "environ_type", "first_byte",
        "given", "input_bytes", "input_reads", "is_held_back", "is_list", "is_whole",
        "last_byte", "method", "name", "notes", "open_spans", "out_when_called", "phase", "place",
        "raised", "raw_environ", "raw_headers", "raw_values", "received", "returned", "starts",
        "times", "trace", "write_bytes", "writes",
    )  # fmt: skip

    def __init__(
        self, trace: Journey, parent: Visit | None, name: str, place: int, called: float
    ) -> None:
        self.trace = trace
        # The visit that made this one, while the request runs.
        self.caller = parent
        self.called_by: ReferenceType[Visit] | None = None
        self.name = name
        self.place = place
        # Times are seconds since the trace began.
        self.called = called
        self.returned: float | None = None
        self.first_byte: float | None = None
        self.last_byte: float | None = None
        # What the three phases took; and from `INNER` on, how much of it the layers below.
        self.times = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
        self.phase = CALL
        self.method = ""
        self.environ_type = "dict"
        # What the layer above changed in environ before this call.
        self.received = NO_DIFFERENCES
        # Environ as it was, while the request runs: what is below compares itself with it.
        self.raw_environ: WSGIEnvironment | None = None
        # Its values, in their order, if it was equal to the caller's.
        self.raw_values: list[object] | None = None
        # The header list of its response, so that the layer above need only look at what it adds.
        self.raw_headers: Headers | None = None
        # The `start_response` that the layer got; layers that pass it on have the same.
        self.given: object = None
        self.below: Sequence[Visit] = ()
        self.starts: Sequence[Start] = ()
        self.raised: Sequence[Raised] = ()
        self.notes: Sequence[Note] = ()
        self.closed_by: Sequence[str] = ()
        self.body_type = ""
        self.body_has_close = self.is_list = self.is_whole = False
        # Whether the layer above took a chunk before it had put out the one before.
        self.is_held_back = False
        self.chunks = self.bytes = self.writes = self.write_bytes = self.checksum = 0
        self.close_calls = self.input_reads = self.input_bytes = self.open_spans = 0
        # Chunks that the layer above had put out when it called this one.
        self.out_when_called = 0

    @property
    def parent(self) -> Visit | None:
        """The visit that made this one; None of the outermost."""
        if self.caller is not None or self.called_by is None:
            return self.caller
        return self.called_by()

    # What happened.

    def note(self, code: str, detail: str) -> None:
        """Remember something that may be a fault."""
        if len(self.notes) < MAX_NOTES:
            self.notes = (*self.notes, Note(code, detail))

    def has_note(self, code: str) -> bool:
        """Say whether something of this kind was noted."""
        return any(note.code == code for note in self.notes)

    def note_error(self, phase: int, error: BaseException) -> None:
        """Remember that an exception leaves the layer. The exception itself is not kept."""
        if len(self.raised) < MAX_NOTES:
            raised = Raised(phase, error, self.trace.next_order())
            self.raised = (*self.raised, raised)

    def begin_span(self, kind: str, detail: str) -> Span:
        """Begin a piece of work of this layer; see `middleware.spans`."""
        work = Span(kind, detail, self.name, self.trace.now())
        work.depth = self.open_spans
        self.open_spans += 1
        self.trace.add_span(work)
        return work

    def end_span(self, work: Span, error: type[BaseException] | None) -> None:
        """End a piece of work."""
        self.open_spans -= 1
        work.seconds = self.trace.now() - work.began
        work.error = None if error is None else error.__name__

    @property
    def put_out(self) -> int:
        """Count the chunks that went up, by the body and by `write()`."""
        return self.chunks + self.writes

    @property
    def start(self) -> Start | None:
        """Return the call of `start_response` that counts: the last that was not refused."""
        starts = self.starts
        # Mostly there is one.
        if len(starts) == 1 and starts[0].refused is None:
            return starts[0]
        return next((start for start in reversed(starts) if start.refused is None), None)

    @property
    def status(self) -> str:
        start = self.start
        return "" if start is None else start.status

    @property
    def content_bytes(self) -> int:
        return self.bytes + self.write_bytes

    # What the layer did itself.

    @property
    def own_seconds(self) -> tuple[float, float, float]:
        """Return the time in call, iteration and close, without that of the layers below."""
        call, iteration, close = (
            max(0.0, self.times[phase] - self.times[INNER + phase]) for phase in range(INNER)
        )
        return call, iteration, close

    @property
    def environ_changes(self) -> Differences:
        """Return what the layer changed in environ for the next."""
        return self.below[-1].received if self.below else NO_DIFFERENCES

    @property
    def header_changes(self) -> Differences:
        """Return what the layer changed in the headers; all are added where nothing is below."""
        start = self.start
        if start is None:
            return NO_DIFFERENCES
        inner = self.below[-1].start if self.below else None
        return differences_of_fields(() if inner is None else inner.fields, start.fields)

    # Questions that read well in a test.

    def added(self, name: str) -> str | None:
        """Return the value of a response field that this layer added, or None."""
        return found_in(self.header_changes.added, name)

    def removed(self, name: str) -> str | None:
        """Return the value of a response field that this layer removed, or None."""
        return found_in(self.header_changes.removed, name)

    def changed(self, name: str) -> tuple[str, str] | None:
        """Return a response field's value before and after this layer, if it changed it."""
        return found_in(self.header_changes.changed, name)

    def sent(self, name: str) -> str | None:
        """Return a response field's value as it left this layer, or None."""
        return None if self.start is None else self.start.value_of(name)

    def set_environ(self, name: str) -> str | None:
        """Return the value that this layer gave an entry of environ for the next, or None."""
        changes = self.environ_changes
        added = changes.added.get(name)
        return changes.changed[name][1] if name in changes.changed else added

    def answered_itself(self) -> bool:
        """Say whether nothing below this layer was called."""
        return not self.below

    def closed_once(self) -> bool:
        """Say whether the body that left this layer was closed, and only once."""
        return self.close_calls == 1 or (not self.body_has_close and self.close_calls == 0)


def found_in(values: dict[str, V], name: str) -> V | None:
    return next((value for key, value in values.items() if key.lower() == name.lower()), None)

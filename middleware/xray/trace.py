"""Hold what was recorded of one request: a `Trace` of visits, one for each call of a layer."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterable, Sequence
from weakref import ref
from wsgiref.types import WSGIEnvironment

from middleware.xray.mistakes import note_retyped
from middleware.xray.spans import MAX_FACTS, Span
from middleware.xray.values import PlainEntries, kept_value
from middleware.xray.visit import ENDED, Visit

# Bounds of what one request may fill.
MAX_VISITS = 200
MAX_SPANS = 300
MAX_OUTSIDE = 10

clock = time.perf_counter
numbers = itertools.count(1)


class Trace:
    """The journey of one request through the layers, from the server and back."""

    def __init__(
        self,
        environ: WSGIEnvironment,
        names: Sequence[str] = (),
        owner: object = None,
        ended: Callable[[Trace], object] | None = None,
        entries: PlainEntries | None = None,
    ) -> None:
        # All layers of the chain, outermost first, whether or not the request reaches them.
        self.names = names
        self.owner = owner
        self._ended = ended
        self.id = f"{os.getpid():x}-{next(numbers):x}"
        self.began = clock()
        self.began_at = time.time()
        self.environ = kept = (entries or PlainEntries()).kept(environ)
        self.method = kept.get("REQUEST_METHOD", "")
        self.path = kept.get("PATH_INFO", "")
        if environ.get("SCRIPT_NAME") or not self.path.isascii():
            self.path = kept_value("PATH_INFO", path_of(environ))
        self.query = kept.get("QUERY_STRING", "")
        self.visits: list[Visit] = []
        self.spans: list[Span] = []
        # What servers did before the chain was called, the outermost first.
        self._outside: list[Span] = []
        self._servers: Callable[[Trace], Iterable[Span]] | None = None
        # What is known of it beside environ, such as its route.
        self.facts: dict[str, str] = {}
        # What did not fit.
        self.dropped = 0
        # Seconds from the begin to the end, which is the close of the outermost body.
        self.seconds: float | None = None
        # The only chunk so far, whichever layers it has passed: empty before the first, None
        # once there are others. Only then are checksums needed.
        self.only: bytes | None = b""
        # The chunk that passed last, and the checksums before and after it.
        self.memo: tuple[bytes, int, int] = (b"", 0, 0)
        # The list that left a layer last, its chunks, and that layer's visit.
        self.last_list: tuple[object, tuple[object, ...], Visit] | None = None
        self.next_order = itertools.count(1).__next__

    def seconds_since(self, moment: float) -> float:
        return moment - self.began

    def now(self) -> float:
        return clock() - self.began

    @property
    def outside(self) -> list[Span]:
        """List what servers did before the chain was called, the outermost first."""
        servers = (
            [] if self._servers is None else itertools.islice(self._servers(self), MAX_OUTSIDE)
        )
        return [*self._outside, *servers]

    @outside.setter
    def outside(self, spans: list[Span]) -> None:
        self._outside = spans

    def show_outside(self, servers: Callable[[Trace], Iterable[Span]]) -> None:
        """Have a function say what servers did, each time that somebody looks: most are not."""
        self._servers = servers

    def set(self, **facts: object) -> None:
        """Add facts to the request as a whole, such as its route."""
        for name, value in facts.items():
            if len(self.facts) < MAX_FACTS:
                self.facts[name] = kept_value(name, value)

    def end(self) -> None:
        """Note that the request is over, and let go of what only it needed."""
        if self.seconds is not None:
            return
        self.seconds = self.seconds_since(clock())
        self.only = self.last_list = None
        self.memo = (b"", 0, 0)
        # All that would be a cycle is let go, so that what is not kept any more is freed at once.
        for visit in reversed(self.visits):
            if not visit.below:
                note_retyped(visit)
            visit.raw_environ = visit.raw_values = visit.raw_headers = visit.given = None
            visit.trace = ENDED
            caller = visit.caller
            if caller is not None:
                visit.called_by = ref(caller)
                visit.caller = None
        if self._ended is not None:
            self._ended(self)

    def add_visit(self, visit: Visit) -> None:
        self.visits.append(visit)
        caller = visit.caller
        if caller is not None:
            visit.out_when_called = caller.chunks + caller.writes
            caller.below = (*caller.below, visit)

    def parent_for(self, place: int) -> Visit | None:
        """Return the visit that called a layer in this place: the last one further out."""
        return next((visit for visit in reversed(self.visits) if visit.place > place), None)

    def add_span(self, span: Span) -> None:
        if len(self.spans) < MAX_SPANS:
            self.spans.append(span)
        else:
            self.dropped += 1

    @property
    def root(self) -> Visit:
        return self.visits[0]

    @property
    def is_done(self) -> bool:
        return self.seconds is not None

    @property
    def status(self) -> str:
        """Return the status line that left the outermost layer; empty if none did."""
        return self.root.status

    @property
    def answering(self) -> Visit:
        """Return the visit that made the response, which those outside it only changed."""
        visit = self.root
        while visit.below:
            inner = visit.below[-1]
            if inner.start is None or inner.start.code != visit.status[:3]:
                break
            visit = inner
        return visit

    def layer(self, name: str) -> Visit:
        """Return the last visit to a layer: of that name, or of the only name that contains it.

        Raises `KeyError` if the request did not reach such a layer.
        """
        exact = [visit for visit in self.visits if visit.name.lower() == name.lower()]
        found = exact or [visit for visit in self.visits if name.lower() in visit.name.lower()]
        if len({visit.name for visit in found}) != 1:
            names = ", ".join(dict.fromkeys(visit.name for visit in self.visits))
            raise KeyError(f"the request reached no single layer {name!r}, but {names}")
        return found[-1]

    def reached(self, name: str) -> bool:
        """Say whether the layer was called."""
        return any(name.lower() in visit.name.lower() for visit in self.visits)

    def never_reached(self, name: str) -> bool:
        """Say whether a layer further out answered, so that this one was not called.

        Raises `KeyError` if the chain has no such layer, of which that would always be true.
        """
        if not any(name.lower() in known.lower() for known in self.names):
            raise KeyError(f"no layer {name!r} among {', '.join(self.names)}")
        return not self.reached(name)

    def closed_once(self) -> bool:
        """Say whether each layer's body was closed once, as far as it can be closed."""
        return all(visit.closed_once() for visit in self.visits)


def path_of(environ: WSGIEnvironment) -> str:
    """Return the whole path, as text: CGI values are UTF-8 read as latin-1 (PEP 3333)."""
    path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
    return path.encode("latin-1", "replace").decode("utf-8", "replace")

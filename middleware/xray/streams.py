"""Stand in for a response body, and record what passes through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import is_
from typing import Any
from zlib import crc32

from middleware._wsgi import close_body
from middleware.xray.running import Turn, clock, now_running
from middleware.xray.trace import Trace
from middleware.xray.visit import CLOSE, ITERATION, SERVER, Visit

MAX_CLOSERS = 10


class RecordedBody:
    """A response body on its way up; one for all layers that pass it on as it is."""

    __slots__ = ("_body", "_next", "_trace", "visits")

    def __init__(self, body: Iterable[bytes], visit: Visit, trace: Trace) -> None:
        self._body = body
        self._next: Callable[[], bytes] | None = None
        self._trace = trace
        # The layers that it has left, the one that made it first: only that is at work in it.
        self.visits = [visit]

    def __iter__(self) -> Iterator[bytes]:
        turn = Turn(self.visits[0], self._trace, ITERATION, clock())
        try:
            found = iter(self._body)
        except BaseException as error:
            for visit in self.visits:
                visit.note_error(ITERATION, error)
            raise
        finally:
            turn.end()
        self._next = found.__next__
        return self if found is self._body else RecordedIterator(self, found)

    def __next__(self) -> bytes:
        visits = self.visits
        if visits[0].close_calls:
            # A layer may have closed it, and passed it on then.
            for visit in visits:
                if visit.close_calls:
                    visit.note("read-after-close", "")
        turn = Turn(visits[0], self._trace, ITERATION, clock())
        try:
            if self._next is None:
                self._next = iter(self._body).__next__
            chunk = self._next()
        except StopIteration:
            for visit in visits:
                visit.is_whole = True
            raise
        except BaseException as error:
            for visit in visits:
                visit.note_error(ITERATION, error)
            raise
        finally:
            turn.end()
        for visit in visits:
            passed(chunk, visit, self._trace)
        return chunk

    def close(self) -> None:
        visits = self.visits
        for visit, upper in zip(visits, [*visits[1:], now_running()], strict=True):
            note_close(visit, upper)
        turn = Turn(visits[0], self._trace, CLOSE, clock())
        try:
            close_body(self._body)
        except BaseException as error:
            for visit in visits:
                visit.note_error(CLOSE, error)
            raise
        finally:
            turn.end()
            if visits[-1].parent is None:
                self._trace.end()


class RecordedIterator:
    """Stands in for a body's iterator that is another object than the body.

    It has a `close()` only if the iterator has one, because `yield from` calls that. A layer that
    passes it up in place of the body loses the `close()` of the body.
    """

    __slots__ = ("_found", "_next")

    def __init__(self, body: RecordedBody, found: Iterator[bytes]) -> None:
        self._next = body.__next__
        self._found = found

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return self._next()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._found, name)


class ListBody:
    """A list that the outermost layer returned: no layer is at work while it is read."""

    __slots__ = ("_body", "_next", "_trace", "visit")

    def __init__(self, body: Sequence[Any], visit: Visit, trace: Trace) -> None:
        self._body = body
        self._next = iter(body).__next__
        self._trace = trace
        self.visit = visit

    def __len__(self) -> int:
        return len(self._body)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        visit = self.visit
        if visit.close_calls:
            visit.note("read-after-close", "")
        try:
            chunk: bytes = self._next()
        except StopIteration:
            visit.is_whole = True
            raise
        passed(chunk, visit, self._trace)
        return chunk

    def close(self) -> None:
        note_close(self.visit, now_running())
        self._trace.end()


class SizedBody(RecordedBody):
    """A body whose number of chunks is known, by which servers compute a Content-Length."""

    __slots__ = ("_size",)

    def __init__(self, body: Iterable[bytes], visit: Visit, trace: Trace, size: int) -> None:
        super().__init__(body, visit, trace)
        self._size = size

    def __len__(self) -> int:
        return self._size


def note_close(visit: Visit, closer: Visit | None) -> None:
    """Record who closes a body."""
    visit.close_calls += 1
    if len(visit.closed_by) < MAX_CLOSERS:
        visit.closed_by = (*visit.closed_by, SERVER if closer is None else closer.name)


def recorded_body(body: Any, visit: Visit, trace: Trace) -> Any:
    """Return what stands in for a body that a layer returned.

    A list needs no iteration to be read and no `close()`: except at the outermost layer, it is
    recorded and returned as it is, so that layers which treat lists in their own way still do.
    """
    kind = type(body)
    # Python makes the name of a type anew each time.
    visit.body_type = "list" if kind is list else kind.__name__
    if kind is list or kind is tuple:
        visit.is_list = True
        if visit.caller is None:
            return ListBody(body, visit, trace)
        pass_list(body, visit, trace)
        return body
    is_iterable = hasattr(kind, "__iter__") or hasattr(kind, "__getitem__")
    if not is_iterable or isinstance(body, str | bytes):
        visit.note("body-type", f"the application returned {kind.__name__}")
    if not is_iterable:
        return body
    if isinstance(body, RecordedBody):
        inner = body.visits[-1]
        visit.body_has_close = inner.body_has_close
        if inner.caller is visit:
            body.visits.append(visit)
            return body
    else:
        visit.body_has_close = hasattr(body, "close")
    try:
        return SizedBody(body, visit, trace, len(body))
    except Exception:
        # Most have none. A proxy may have the method, and what it stands for not.
        return RecordedBody(body, visit, trace)


def pass_list(body: Sequence[Any], visit: Visit, trace: Trace) -> None:
    """Record a list that left a layer; mostly it is the very one that left the layer below."""
    known = trace.last_list
    visit.is_whole = True
    if known is not None and known[0] is body and visit.starts:
        _, chunks, inner = known
        size = len(chunks)
        is_one = size == len(body) == 1 and chunks[0] is body[0]
        is_same = is_one or (size == len(body) and all(map(is_, chunks, body)))
        if is_same and inner.caller is visit:
            visit.chunks, visit.bytes, visit.checksum = inner.chunks, inner.bytes, inner.checksum
            visit.first_byte, visit.last_byte = inner.first_byte, inner.last_byte
            if inner.notes:
                wrong = [note for note in inner.notes if note.code == "chunk-type"]
                visit.notes = (*visit.notes, *wrong)
            trace.last_list = body, chunks, visit
            return
    for chunk in body:
        passed(chunk, visit, trace)
    trace.last_list = body, tuple(body), visit


def passed(chunk: object, visit: Visit, trace: Trace) -> None:
    """Record a chunk that left a layer."""
    visit.chunks += 1
    if type(chunk) is not bytes:
        visit.note("chunk-type", f"a chunk of type {type(chunk).__name__}")
        return
    if chunk:
        if not visit.starts:
            visit.note("start-late", "bytes came before start_response")
        visit.bytes += len(chunk)
        count(chunk, visit, trace)
    parent = visit.caller
    if (
        parent is not None
        and not visit.is_list
        and parent.phase != CLOSE
        and parent.put_out - visit.out_when_called < visit.put_out - 1
    ):
        visit.is_held_back = True


def count(chunk: bytes, visit: Visit, trace: Trace) -> None:
    """Record when bytes passed, and add them to the checksum, computed once for all layers.

    Most bodies are one chunk that no layer changes: then each layer's checksum stays 0.
    """
    now = trace.seconds_since(clock())
    if visit.first_byte is None:
        visit.first_byte = now
    visit.last_byte = now
    only = trace.only
    if only is not None:
        if (not only or only is chunk) and visit.content_bytes == len(chunk):
            trace.only = chunk
            return
        begin_checksums(only, visit, len(chunk), trace)
    known, before, after = trace.memo
    if known is not chunk or before != visit.checksum:
        before, after = visit.checksum, crc32(chunk, visit.checksum)
        trace.memo = (chunk, before, after)
    visit.checksum = after


def begin_checksums(only: bytes, visit: Visit, size: int, trace: Trace) -> None:
    """Compute what was not needed as long as there was one chunk; the visit has got another."""
    trace.only = None
    checksum = crc32(only)
    trace.memo = (only, 0, checksum)
    for each in trace.visits:
        # That other one, of this size, is counted already.
        if each.content_bytes > (size if each is visit else 0):
            each.checksum = checksum

"""Stand in for `start_response` and `write`, and record who calls them with what.

Layers that only pass on the `start_response` they got share one stand-in, and one record of each
call: which of them made it is known from what runs. So they cost next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from wsgiref.types import StartResponse

from middleware._wsgi import ExcInfo
from middleware.xray.mistakes import note_mistakes_of_headers, note_mistakes_of_status
from middleware.xray.running import RUNNING, UpwardTurn, at_work, clock
from middleware.xray.streams import count
from middleware.xray.trace import Trace
from middleware.xray.values import Fields, PlainFields, kept_fields, kept_status
from middleware.xray.visit import INNER, MAX_STARTS, Start, Visit


def recorded_start(
    start_response: StartResponse, owner: Visit, trace: Trace, plain: PlainFields
) -> Callable[..., Any]:
    """Return what stands in for the `start_response` that a layer got from above."""
    upper = owner.caller
    if upper is not None and start_response is upper.given:
        owner.given = start_response
        return start_response

    def start(status: Any = None, headers: Any = None, exc: Any = None, /, **named: Any) -> Any:
        now = clock()
        given: Any = (status, headers, exc)
        if named:
            given, (status, headers, exc) = arguments_by_name(given, named, at_work(owner))
        cursor = RUNNING.get()
        if cursor is not None and cursor.trace is not trace:
            cursor = None
        running = None if cursor is None else cursor.visit
        visits = [owner] if running is owner else passed_by(running, owner)
        source = visits[0]
        entry = noted_start(status, headers, exc, visits, plain)
        entry.at = now - trace.began
        # As in an `UpwardTurn`, written out: it is the upper layer's work.
        if cursor is not None:
            cursor.visit = upper
        try:
            write = start_response(*given, **named)
        except BaseException as refusal:
            entry.refused = type(refusal).__name__
            raise
        finally:
            # If the server raises it, its traceback holds this frame: a reference cycle.
            exc = given = None
            seconds = clock() - now
            if cursor is not None:
                cursor.visit = running
            source.times[INNER + source.phase] += seconds
            if upper is not None:
                upper.times[INNER + upper.phase] -= seconds
        entry.has_write = callable(write)
        return recorded_write(write, visits, upper, trace)

    owner.given = start
    return start


def arguments_by_name(
    given: tuple[Any, ...], named: dict[str, Any], visit: Visit
) -> tuple[list[Any], tuple[Any, ...]]:
    """Note a call by name; return the positional arguments that it had, and what all three are.

    Names are not PEP 3333's: whoever is above may have others, so they are passed on as they are.
    """
    visit.note("start-named", ", ".join(named))
    status, headers, exc_info = given
    headers = named.get("headers", named.get("response_headers", headers))
    known = named.get("status", status), headers, named.get("exc_info", exc_info)
    return [part for part in given if part is not None], known


def noted_start(
    status: Any, headers: Any, exc_info: ExcInfo | None, visits: list[Visit], plain: PlainFields
) -> Start:
    """Note a call of `start_response` for the layers that it passes, its maker first."""
    source = visits[0]
    known = len(source.notes)
    line, fields = received_start(status, headers, source, plain)
    error = None if exc_info is None else getattr(exc_info[0], "__name__", "?")
    entry = Start(line, fields, error, source.trace.next_order())
    for visit in visits:
        if len(visit.starts) < MAX_STARTS:
            visit.starts = (*visit.starts, entry)
        visit.raw_headers = source.raw_headers
    if len(source.notes) > known:
        for visit in visits[1:]:
            visit.notes = (*visit.notes, *source.notes[known:])
    return entry


def passed_by(running: Visit | None, owner: Visit) -> list[Visit]:
    """List the layers that share a stand-in and that a call of it passes, its maker first."""
    start, found, visit = owner.given, [], running
    while visit is not None and visit.given is start:
        found.append(visit)
        if visit is owner:
            return found
        visit = visit.caller
    # Called where none of them runs, such as in a thread of a layer's own.
    found = [owner]
    while found[0].below and found[0].below[-1].given is start:
        found.insert(0, found[0].below[-1])
    return found


def received_start(
    status: Any, headers: Any, visit: Visit, plain: PlainFields
) -> tuple[str, Fields]:
    """Return what is recorded of a status and a header list, and note what is wrong with them.

    Most layers pass on those of the one below, or add to them: what is known of that is used.
    """
    inner = visit.below[-1] if visit.below else None
    known = None if inner is None else inner.raw_headers
    first = None if inner is None else inner.start
    if first is not None and type(status) is str and status == first.status:
        line = first.status
    else:
        note_mistakes_of_status(status, visit)
        line = kept_status(status)
    fields: Fields = ()
    added = headers
    if first is not None and known is not None and type(headers) is list:
        if headers == known:
            visit.raw_headers = known
            return line, first.fields
        if headers[: len(known)] == known:
            added, fields = headers[len(known) :], first.fields
    visit.raw_headers = None
    if plain.has(added):
        fields += tuple(added)
    else:
        is_sound = note_mistakes_of_headers(added, visit)
        kept = kept_fields(added)
        fields += kept
        if not is_sound:
            return line, fields
        plain.learn(added, kept)
    visit.raw_headers = list(headers)
    return line, fields


def recorded_write(write: Any, visits: Sequence[Visit], upper: Visit | None, trace: Trace) -> Any:
    """Return what stands in for the `write` that a layer got from above."""
    if not callable(write):
        return write

    def recorded(chunk: bytes) -> object:
        for visit in visits:
            note_written(chunk, visit, trace)
        turn = UpwardTurn(visits[0], upper, clock())
        try:
            return write(chunk)
        finally:
            turn.end()

    return recorded


def note_written(chunk: object, visit: Visit, trace: Trace) -> None:
    """Record a chunk that a layer passed up by `write()`."""
    if visit.returned is not None:
        visit.note("write-late", "write() was called after the application had returned")
    visit.writes += 1
    if type(chunk) is bytes:
        visit.write_bytes += len(chunk)
        if chunk:
            count(chunk, visit, trace)
    else:
        visit.note("chunk-type", f"write() got {type(chunk).__name__}")

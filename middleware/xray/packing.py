"""Turn a trace whose request is over into plain values and back, for other processes."""

from __future__ import annotations

from typing import Any, TypeAlias

from middleware.xray.differences import Change, Differences
from middleware.xray.spans import Span
from middleware.xray.trace import Trace
from middleware.xray.visit import Note, Raised, Start, Visit

Packed: TypeAlias = dict[str, Any]

OF_TRACE = (
    "began", "began_at", "dropped", "environ", "facts", "id", "method", "path", "query", "seconds",
)  # fmt: skip
OF_VISIT = (
    "body_has_close", "body_type", "bytes", "called", "checksum", "chunks", "close_calls",
    "closed_by", "environ_type", "first_byte", "input_bytes", "input_reads",
    "is_held_back", "is_list", "is_whole", "last_byte", "method", "name", "out_when_called",
    "place", "returned", "times", "write_bytes", "writes",
)  # fmt: skip


def pack(trace: Trace) -> Packed:
    """Return a trace as values that JSON can hold."""
    places = {id(visit): number for number, visit in enumerate(trace.visits)}
    return {
        **{name: getattr(trace, name) for name in OF_TRACE},
        "names": list(trace.names),
        "visits": [packed_visit(visit, places) for visit in trace.visits],
        "outside": [packed(span, Span) for span in trace.outside],
        "spans": [packed(span, Span) for span in trace.spans],
    }


def packed_visit(visit: Visit, places: dict[int, int]) -> Packed:
    return {
        **{name: getattr(visit, name) for name in OF_VISIT},
        "parent": None if visit.parent is None else places[id(visit.parent)],
        "received": visit.received.changes,
        "starts": [packed(start, Start) for start in visit.starts],
        "raised": [packed(raised, Raised) for raised in visit.raised],
        "notes": [packed(note, Note) for note in visit.notes],
    }


def packed(value: object, kind: type[Any]) -> list[Any]:
    return [getattr(value, name) for name in kind.__slots__]


def unpack(found: Packed) -> Trace:
    """Return the trace that was packed. Raises `KeyError` and the like for other values."""
    trace = Trace({}, found["names"])
    for name in OF_TRACE:
        setattr(trace, name, found[name])
    trace.outside = [unpacked(each, Span) for each in found["outside"]]
    trace.spans = [unpacked(each, Span) for each in found["spans"]]
    for each in found["visits"]:
        parent = None if each["parent"] is None else trace.visits[each["parent"]]
        visit = Visit(trace, parent, each["name"], each["place"], each["called"])
        for name in OF_VISIT:
            setattr(visit, name, each[name])
        visit.received = Differences([Change(*change) for change in each["received"]])
        visit.starts = [unpacked(start, Start) for start in each["starts"]]
        for start in visit.starts:
            start.fields = tuple((name, value) for name, value in start.fields)
        visit.raised = [unpacked(raised, Raised) for raised in each["raised"]]
        visit.notes = [unpacked(note, Note) for note in each["notes"]]
        trace.add_visit(visit)
    return trace


def unpacked(values: list[Any], kind: type[Any]) -> Any:
    made: Any = object.__new__(kind)
    for name, value in zip(kind.__slots__, values, strict=True):
        setattr(made, name, value)
    return made

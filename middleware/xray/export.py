"""Write traces as JSON, and as HAR 1.2, which browsers' developer tools read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from middleware.xray.differences import Differences
from middleware.xray.faults import Fault
from middleware.xray.reasons import reasons_of
from middleware.xray.spans import Span
from middleware.xray.trace import Trace
from middleware.xray.visit import PHASES, Visit


def summary_of(trace: Trace) -> dict[str, Any]:
    """Return a trace in one line of a list."""
    root = trace.root
    return {
        "id": trace.id,
        "began": datetime.fromtimestamp(trace.began_at, UTC).isoformat(),
        "method": trace.method,
        "path": trace.path,
        "query": trace.query,
        "status": root.status,
        "bytes": root.content_bytes,
        "seconds": trace.seconds,
        "answered_by": trace.answering.name if root.start is not None else None,
        "because": list(reasons_of(trace)),
    }


def as_json(
    trace: Trace, faults: Sequence[Fault] = (), later: Sequence[Span] = ()
) -> dict[str, Any]:
    """Return all of a trace, as JSON can hold it."""
    places = {id(visit): number for number, visit in enumerate(trace.visits)}
    return {
        **summary_of(trace),
        "facts": trace.facts,
        "layers": list(trace.names),
        "environ": trace.environ,
        "visits": [visit_as_json(visit, places) for visit in trace.visits],
        "outside": [span_as_json(span) for span in trace.outside],
        "spans": [span_as_json(span) for span in trace.spans],
        "later": [span_as_json(span) for span in later],
        "faults": [
            {
                "layer": fault.layer,
                "code": fault.code,
                "title": fault.title,
                "detail": fault.detail,
                "clause": fault.clause,
            }
            for fault in faults
        ],
    }


def span_as_json(span: Span) -> dict[str, Any]:
    return {
        "kind": span.kind,
        "detail": span.detail,
        "layer": span.layer,
        "depth": span.depth,
        "began": span.began,
        "seconds": span.seconds,
        "error": span.error,
        "facts": span.facts,
    }


def visit_as_json(visit: Visit, places: dict[int, int]) -> dict[str, Any]:
    return {
        "layer": visit.name,
        # The number of the visit that made this one.
        "called_by": None if visit.parent is None else places.get(id(visit.parent)),
        "called": visit.called,
        "returned": visit.returned,
        "own_seconds": dict(zip(PHASES, visit.own_seconds, strict=True)),
        "environ": changes_as_json(visit.environ_changes),
        "starts": [
            {
                "status": start.status,
                "headers": [list(field) for field in start.fields],
                "exc_info": start.error,
                "at": start.at,
                "raised": start.refused,
            }
            for start in visit.starts
        ],
        "headers": changes_as_json(visit.header_changes),
        "chunks": visit.chunks,
        "bytes": visit.bytes,
        "writes": visit.writes,
        "written_bytes": visit.write_bytes,
        "first_byte": visit.first_byte,
        "last_byte": visit.last_byte,
        "is_whole": visit.is_whole,
        "closed_by": list(visit.closed_by),
        "input": {"reads": visit.input_reads, "bytes": visit.input_bytes},
        "raised": [
            {"error": error.name, "text": error.text, "in": PHASES[error.phase]}
            for error in visit.raised
        ],
    }


def changes_as_json(differences: Differences) -> list[dict[str, str | None]]:
    return [change._asdict() for change in differences]


def as_har(traces: Iterable[Trace]) -> dict[str, Any]:
    """Return traces as an HTTP archive, version 1.2; bodies and secrets are not in it."""
    entries = [har_entry_of(trace) for trace in traces]
    creator = {"name": "middleware.xray", "version": "1"}
    return {"log": {"version": "1.2", "creator": creator, "pages": [], "entries": entries}}


def har_entry_of(trace: Trace) -> dict[str, Any]:
    root = trace.root
    total = (trace.seconds or 0.0) * 1000
    wait = min(total, (total / 1000 if root.first_byte is None else root.first_byte) * 1000)
    return {
        "startedDateTime": datetime.fromtimestamp(trace.began_at, UTC).isoformat(),
        "time": total,
        "request": har_request_of(trace),
        "response": har_response_of(root),
        "cache": {},
        "timings": {"send": 0, "wait": wait, "receive": total - wait},
        "comment": f"answered by {trace.answering.name}",
    }


def har_request_of(trace: Trace) -> dict[str, Any]:
    environ = trace.environ
    host = environ.get("HTTP_HOST", environ.get("SERVER_NAME", "localhost"))
    scheme = environ.get("wsgi.url_scheme", "http")
    pairs = [pair.partition("=") for pair in trace.query.split("&") if pair]
    length = environ.get("CONTENT_LENGTH", "")
    return {
        "method": trace.method,
        "url": f"{scheme}://{host}{trace.path}{'?' if trace.query else ''}{trace.query}",
        "httpVersion": environ.get("SERVER_PROTOCOL", "HTTP/1.1"),
        "cookies": [],
        "headers": [
            {"name": name[5:].replace("_", "-").title(), "value": value}
            for name, value in environ.items()
            if name.startswith("HTTP_")
        ],
        "queryString": [{"name": name, "value": value} for name, _, value in pairs],
        "headersSize": -1,
        "bodySize": int(length) if length.isdecimal() else 0,
    }


def har_response_of(root: Visit) -> dict[str, Any]:
    start = root.start
    code, _, reason = root.status.partition(" ")
    fields = () if start is None else start.fields
    return {
        "status": int(code) if code.isdecimal() else 0,
        "statusText": reason,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [{"name": name, "value": value} for name, value in fields],
        "content": {
            "size": root.content_bytes,
            "mimeType": "" if start is None else start.value_of("content-type") or "",
        },
        "redirectURL": "" if start is None else start.value_of("location") or "",
        "headersSize": -1,
        "bodySize": root.content_bytes,
    }

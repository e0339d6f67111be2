"""Say why a layer answered, by the fields that say so, and by the work that failed in it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from middleware.xray.spans import Span
from middleware.xray.trace import Trace
from middleware.xray.visit import Visit

# Why a cache passed a request on (RFC 9211 section 2.2).
FORWARDED = {
    "bypass": "did not handle this request",
    "method": "cannot answer this method",
    "uri-miss": "had no response stored for this address",
    "vary-miss": "had no response stored for such a request",
    "miss": "had no response stored",
    "request": "was told by the request not to use what it had stored",
    "stale": "had only a stale response stored",
    "partial": "had only a part of the response stored",
}
FORWARD = re.compile(r";\s*fwd=([a-z-]+)")
HIT = re.compile(r";\s*hit\b")
AGAIN = {
    "429": "the client asked too often; it may ask again",
    "503": "it cannot answer now; it may be asked again",
}
MAX_DETAIL_CHARACTERS = 40


def reasons_of(trace: Trace) -> Iterator[str]:
    """Return what follows 'because' of the layer that answered; nothing if nobody said why."""
    answering = trace.answering
    for visit in trace.visits[: trace.visits.index(answering)]:
        yield from reasons_of_forwarding(visit)
    if answering.start is None:
        return
    code = answering.start.code
    status, age = answering.added("Cache-Status") or "", answering.added("Age")
    if age is not None or HIT.search(status):
        yield f"it had the response stored{'' if age is None else f', for {age} s'}"
    if code == "304":
        yield "the client has this response already"
    failed = failed_work(trace, answering) if code >= "400" else None
    if failed is not None:
        yield f"{failed.kind} {failed.detail[:MAX_DETAIL_CHARACTERS]} raised {failed.error}"
    again = answering.sent("Retry-After") or ""
    if code in AGAIN and again:
        when = f"in {again} s" if again.isdecimal() else f"after {again}"
        yield f"{AGAIN[code]} {when}"


def reasons_of_forwarding(visit: Visit) -> Iterator[str]:
    """Say why a cache passed the request on, if this is one that did."""
    found = FORWARD.search(visit.added("Cache-Status") or "")
    if found and found[1] in FORWARDED:
        yield f"{visit.name} {FORWARDED[found[1]]}"


def failed_work(trace: Trace, visit: Visit) -> Span | None:
    """Return the piece of work in a layer that failed last, and not within another that did."""
    failed = [span for span in trace.spans if span.error and span.layer == visit.name]
    outermost = min((span.depth for span in failed), default=0)
    return next((span for span in reversed(failed) if span.depth == outermost), None)

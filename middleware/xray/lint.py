"""Find the faults of a request, and the layer that made each.

What is wrong with what left a layer is that layer's fault, unless the same was wrong with what it
got from below. Two layers with the same fault are therefore named as one: the lower.
"""

from __future__ import annotations

from collections.abc import Iterator

from middleware.xray.faults import Fault, Finding
from middleware.xray.lint_http import findings_between, findings_in_content, findings_in_fields
from middleware.xray.trace import Trace
from middleware.xray.visit import CLOSE, Raised, Start, Visit

SLOW_SECONDS = 1.0
# What is of a wrong type makes other wrong types further up.
FOLLOWED = frozenset({"headers-type", "status-malformed"})
# Where no body may be, one more byte of it is no other fault.
SAME_BODY = frozenset({"body-on-204", "body-on-205", "body-on-304", "body-on-head"})
# Noted where they happened, by the layer that did it.
OWN_NOTES = frozenset(
    {
        "environ-class",
        "environ-value",
        "input-closed",
        "input-past-end",
        "input-short",
        "input-taken",
    }
)


def lint(trace: Trace, *, slow_seconds: float = SLOW_SECONDS) -> list[Fault]:
    """Return the faults of a request, those of the outermost layer first.

    `slow_seconds`: the own time from which a layer is slow. Applications may take their time.
    """
    passed_on: dict[int, set[Finding]] = {}
    faults: list[list[Fault]] = []
    # A layer is called after the one above it, so this goes from the innermost outwards.
    for visit in reversed(trace.visits):
        found = set(passing_findings(visit))
        passed_on[id(visit)] = found
        inherited = {finding for below in visit.below for finding in passed_on[id(below)]}
        followed = (FOLLOWED | SAME_BODY) & {finding.code for finding in inherited}
        found = {finding for finding in found if finding.code not in followed}
        if visit.has_note("body-type"):
            # Its chunks are not chunks either.
            found = {finding for finding in found if finding.code != "chunk-type"}
        own = sorted(found - inherited) + list(dict.fromkeys(own_findings(visit, trace)))
        if is_slow(visit, slow_seconds):
            own.append(Finding("slow", f"{sum(visit.own_seconds):.2f} s"))
        faults.append([Fault(visit.name, *finding) for finding in own])
    return [fault for group in reversed(faults) for fault in group]


def passing_findings(visit: Visit) -> Iterator[Finding]:
    """Check what left the layer; it may have been wrong before."""
    for note in visit.notes:
        if note.code not in OWN_NOTES and note.code != "read-after-close":
            yield Finding(note.code, note.detail)
    again = [start for start in visit.starts[1:] if start.error is None]
    if again:
        yield Finding("start-twice", f"{len(again)} times" if len(again) > 1 else "")
    start = visit.start
    if start is None:
        if visit.is_whole and not visit.starts and not visit.raised:
            yield Finding("start-missing")
        return
    yield from findings_in_fields(start)
    yield from findings_in_content(visit, start)
    refused = [start for start in visit.starts if start.refused and start.error]
    if refused and not any(raised.order > refused[0].order for raised in visit.raised):
        yield Finding("refusal-swallowed", str(refused[0].refused))


def own_findings(visit: Visit, trace: Trace) -> Iterator[Finding]:
    """Check what the layer did to its surroundings: that cannot come from below."""
    for note in visit.notes:
        if note.code in OWN_NOTES:
            yield Finding(note.code, note.detail)
    for below in visit.below:
        yield from findings_of_closing(visit, below, trace)
        if below.has_note("read-after-close") and not visit.has_note("read-after-close"):
            yield Finding("read-after-close")
        if any(start.has_write is False for start in below.starts) and not any(
            start.has_write is False for start in visit.starts
        ):
            yield Finding("start-write")
        for raised in below.raised if trace.is_done else ():
            if was_swallowed(raised, visit, below):
                yield Finding("exception-swallowed", raised.name)
    start, inner = visit.start, visit.below[-1].start if visit.below else None
    if start is None or inner is None:
        return
    below = visit.below[-1]
    # Nothing is known of headers that are not a list.
    if below.has_note("headers-type") or not visit.has_note("headers-type"):
        yield from findings_between(visit, start, below, inner)
    if loses_writes(visit, below) and start.code == inner.code:
        yield Finding("write-lost", f"{below.write_bytes} bytes")
    elif holds_back(visit, below) and start.code == inner.code:
        yield Finding("chunk-held")


def findings_of_closing(visit: Visit, below: Visit, trace: Trace) -> Iterator[Finding]:
    if not below.body_has_close or below.returned is None:
        return
    is_over = visit.close_calls or not visit.body_has_close or visit.returned is None
    if not below.close_calls and is_over and trace.is_done:
        yield Finding("close-lost")
    if below.close_calls > max(1, visit.close_calls):
        yield Finding("close-twice", f"{below.close_calls} times")


def was_swallowed(raised: Raised, visit: Visit, below: Visit) -> bool:
    """Say whether nobody above can know of an exception: no other one or response tells."""
    if any(other.order > raised.order for other in visit.raised):
        return False
    if raised.phase == CLOSE:
        return True
    replaced = [start for start in visit.starts if start.order > raised.order]
    broken = below.start
    if broken is None or below is not visit.below[-1]:
        # Another layer may have been asked then.
        is_last = below is visit.below[-1]
        return not any(not is_last or is_answer_to_error(start) for start in replaced)
    # A layer below may have answered with an error, and failed then.
    return not any(
        start.code != broken.code or (start.error and is_answer_to_error(start))
        for start in replaced
    )


def is_answer_to_error(start: Start) -> bool:
    """Say whether a response may stand for an exception: it is not a success, or was stored."""
    return start.code[:1] != "2" or start.value_of("age") is not None


def holds_back(visit: Visit, below: Visit) -> bool:
    return below.is_held_back and visit.content_bytes > 0 and visit.method != "HEAD"


def loses_writes(visit: Visit, below: Visit) -> bool:
    """Say whether what came in chunks went up, and what was written did not."""
    return (
        below.write_bytes > 0
        and visit.is_whole
        and not visit.raised
        and visit.status[:3] not in {"204", "205", "304"}
        and visit.method != "HEAD"
        and (visit.content_bytes, visit.writes) == (below.bytes, 0)
    )


def is_slow(visit: Visit, slow_seconds: float) -> bool:
    return visit.place > 0 and sum(visit.own_seconds) >= slow_seconds

"""Decide whether a stored response may answer a request (RFC 9111 sections 4 and 4.2.4)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from middleware.cache.directives import RequestDirectives
from middleware.cache.entry import Entry
from middleware.cache.ranges import Span, parse_range, range_applies
from middleware.cache.representation import Representation


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do: answer with `entry` if `may_serve`; otherwise forward, for `reason`.

    The reasons are those of RFC 9211 section 2.2. With `revalidate`, the entry
    is served stale and revalidated in the background.
    """

    entry: Entry | None
    may_serve: bool = False
    revalidate: bool = False
    reason: str = ""


def decide(
    entries: Sequence[Entry],
    environ: dict[str, Any],
    asked: RequestDirectives,
    now: float,
    is_current: Callable[[Entry], bool],
) -> Decision:
    """Decide over the stored responses that the request's fields select, newest first."""
    entry = next((entry for entry in entries if can_answer(entry, environ)), None)
    if entry is None:
        return Decision(None, reason="partial" if entries else "uri-miss")
    if not is_current(entry) or entry.directives.no_cache or now < entry.fresh_from:
        return Decision(entry, reason="stale")
    left = entry.lifetime - entry.age(now)
    if (
        asked.no_cache
        or (asked.max_age is not None and entry.age(now) > asked.max_age)
        or (asked.min_fresh and left < asked.min_fresh)
    ):
        return Decision(entry, reason="request")
    if left > 0:
        return Decision(entry, may_serve=True)
    if entry.directives.forbids_stale:
        return Decision(entry, reason="stale")
    if asked.max_stale > 0 and -left <= asked.max_stale:
        return Decision(entry, may_serve=True)
    if -left < entry.directives.stale_while_revalidate:
        return Decision(entry, may_serve=True, revalidate=True)
    return Decision(entry, reason="stale")


def may_serve_after_error(
    entry: Entry, asked: RequestDirectives, now: float, *, disconnected: bool
) -> bool:
    """Return whether a stale response may stand in for an error (4.2.4, RFC 5861 section 4).

    `disconnected`: the application could not reach what it needs; it did not
    answer with an error.
    """
    if entry.directives.forbids_stale:
        return False
    allowed = entry.directives.stale_if_error
    if allowed is None:
        allowed = entry.policy.stale_if_error_seconds
    if asked.stale_if_error is not None:
        allowed = max(allowed, asked.stale_if_error)
    if disconnected:
        allowed = max(allowed, entry.policy.stale_when_disconnected_seconds)
    # With 0 seconds allowed, nothing was allowed.
    return allowed > 0 and entry.staleness(now) <= allowed


def can_answer(entry: Entry, environ: dict[str, Any]) -> bool:
    """Return whether the stored bytes suffice; those of a part only for a range within it."""
    return entry.span is None or part_of(entry, environ) is not None


def part_of(entry: Representation, environ: dict[str, Any]) -> Span | None:
    """Return the one range that the request asks for, if the stored part has all of it."""
    wanted = environ.get("HTTP_RANGE")
    if entry.span is None or wanted is None or environ["REQUEST_METHOD"] != "GET":
        return None
    if not range_applies(environ.get("HTTP_IF_RANGE"), entry.etag, entry.last_modified, entry.date):
        return None
    spans = parse_range(wanted, entry.span.total)
    if not spans or len(spans) > 1 or not entry.span.covers(spans[0]):
        return None
    return spans[0]

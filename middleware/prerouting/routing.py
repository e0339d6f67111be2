"""Ask a list of rules what to do with a request before the application sees it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from middleware._options import list_of, names_of
from middleware._paths import first_segment


class Rule(Protocol):
    """Decide about requests; one instance serves them all, and holds no request."""

    @property
    def segments(self) -> Collection[str] | None:
        """Name the first segments of the paths that this is about; None if it may be any path."""

    def route(self, environ: WSGIEnvironment, app: WSGIApplication) -> WSGIApplication | None:
        """Give the application that is to answer, or None to let the next rule decide.

        `app` is the application below. The rule may change environ, also if it gives None.
        """


class PreRoutingMiddleware:
    """Let the first rule that matches decide which application answers.

    Request: passes as it is, unless a rule changes it. Response: that of whoever answers, as it
    is; this module adds nothing.

    `rules`: asked in this order. A rule that gives an application ends the search, the application
        below included: a rewritten request is not looked at again. Rules that only note or change
        something (`MethodOverride`) let the next ones decide.

    Reads `PATH_INFO`; the rules say in their own docstrings what they read and write.

    Place: inside request id, access log and error boundary, which shall see these answers too;
    outside cross-origin guard, rate limit and cache, since it settles path and method. Two of
    them may stand in one chain, where one rewrites for the other.

    Rules: PEP 3333, "environ Variables" (`SCRIPT_NAME`, `PATH_INFO`).

    It does not know patterns: a path is looked up by its first segment in a dict made at the
    start, so a request that is nobody's business costs that one look-up.
    """

    def __init__(self, app: WSGIApplication, rules: Sequence[Rule]) -> None:
        self.app = app
        pairs = [(rule, segments_of(rule)) for rule in list_of("rules", rules)]
        self.everywhere = tuple(rule for rule, segments in pairs if segments is None)
        self.by_segment = {
            segment: tuple(r for r, others in pairs if others is None or segment in others)
            for _, segments in pairs
            for segment in segments or ()
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        segment = first_segment(environ.get("PATH_INFO", ""))
        for rule in self.by_segment.get(segment, self.everywhere):
            target = rule.route(environ, self.app)
            if target is not None:
                return target(environ, start_response)
        return self.app(environ, start_response)


def segments_of(rule: Rule) -> tuple[str, ...] | None:
    """Give the first segments that a rule is about, checked; None if it may be any path."""
    segments = rule.segments
    return None if segments is None else names_of(f"{type(rule).__name__}.segments", segments)

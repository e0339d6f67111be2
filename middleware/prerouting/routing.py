"""Apply a list of rules to a request before the application sees it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from middleware._options import list_of, names_of
from middleware._paths import first_segment


class Rule(Protocol):
    """Decides about requests; one instance serves all of them, and keeps none."""

    @property
    def segments(self) -> Collection[str] | None:
        """The first segments of the paths that the rule is about; None if it is about any path."""

    def route(self, environ: WSGIEnvironment, app: WSGIApplication) -> WSGIApplication | None:
        """Return the application that should answer, or None to let the next rule decide.

        `app` is the application below. The rule may change environ, even if it returns None.
        """


class PreRoutingMiddleware:
    """Let the first rule that matches decide which application answers.

    Request: passes unchanged, unless a rule changes it. Response: that of the chosen application,
    unchanged.

    `rules`: tried in this order. A rule that returns an application ends the search, even if it is
        the application below: the rules do not see a rewritten request again. Rules that only
        change environ (`MethodOverride`) let the next ones decide.

    Reads `PATH_INFO`; the docstrings of the rules say what they read and write.

    Place: inside request id, access log and error boundary, which should see these responses too;
    outside cross-origin guard, rate limit and cache, because it decides path and method. Two of
    them may stand in one chain, so that one rewrites for the other.

    Rules: PEP 3333, "environ Variables" (`SCRIPT_NAME`, `PATH_INFO`).

    It has no patterns: a path is looked up by its first segment in a dict that is made at the
    start, so a request that no rule is about costs one look-up.
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
    """Check and return the first segments that a rule is about; None if it is about any path."""
    segments = rule.segments
    return None if segments is None else names_of(f"{type(rule).__name__}.segments", segments)

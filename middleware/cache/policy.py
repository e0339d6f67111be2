"""The choices that the standards leave to the operator of a cache."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """Settings of the pure decisions; times in seconds, sizes in bytes."""

    # The response field that speaks to this cache alone and overrules Cache-Control and
    # Expires (RFC 9213 section 2), for instance "CDN-Cache-Control". None: there is none.
    targeted_field: str | None = None
    # A response without explicit lifetime is fresh for this part of the time since it was last
    # modified (RFC 9111 section 4.2.2 names a tenth); 0 turns heuristics off.
    heuristic_fraction: float = 0.1
    # A page not touched for a year may still change tomorrow.
    heuristic_max_seconds: int = 86_400
    # A stored Set-Cookie would give one visitor's cookie to all; RFC 9111 section 7.3 allows it.
    store_set_cookie: bool = False
    # A response without its own stale-if-error may replace an error for this long after it expired.
    stale_if_error_seconds: int = 0
    # The same if the application cannot reach what it needs (RFC 9111 section 4.2.4).
    stale_when_disconnected_seconds: int = 86_400
    # Larger bodies pass through unstored.
    max_body_bytes: int = 4 * 1024 * 1024

"""What a visit of a link may take, and what comes of it.

These are apart from the visit itself, whose libraries only the fetch process loads.
"""

from dataclasses import dataclass

from ngw2f.links.guard.errors import LinkError
from ngw2f.store.previews import Content


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds a site has until it starts to answer, and in all."""

    answer_seconds: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Visit:
    """The result of a visit: content and its lifetime in seconds, or the error."""

    content: Content
    lifetime_seconds: int = 0
    error: LinkError | None = None

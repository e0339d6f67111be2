"""Measure work inside a layer, for its trace."""

from __future__ import annotations

from middleware.xray.values import kept_text, kept_value

MAX_FACTS = 20
# A longer detail is a statement, not a name.
MAX_NAME_CHARACTERS = 40


def outside(name: str, began: float, seconds: float, **facts: object) -> Span:
    """Make a span of what a server or proxy did before it passed the request on.

    `began`: in seconds since the chain was called, so less than 0.
    """
    work = Span(name, "", "", began)
    work.seconds = max(0.0, seconds)
    work.set(**facts)
    return work


class Span:
    """A piece of work inside a layer, such as a statement of SQL; see `middleware.spans`."""

    __slots__ = ("began", "depth", "detail", "error", "facts", "kind", "layer", "seconds")

    def __init__(self, kind: str, detail: str, layer: str, began: float) -> None:
        self.kind = kind
        # A statement in one line.
        self.detail = " ".join(kept_text(detail).split())
        self.layer = layer
        # Seconds since the request began, and how long it took; None while it runs.
        self.began = began
        self.seconds: float | None = None
        # The type of the exception that ended it.
        self.error: str | None = None
        self.facts: dict[str, str] = {}
        # How many others of its layer it runs in.
        self.depth = 0

    def set(self, **facts: object) -> None:
        """Add facts to it, such as `rows=3`."""
        for name, value in facts.items():
            if len(self.facts) < MAX_FACTS:
                self.facts[name] = kept_value(name, value)

    @property
    def text(self) -> str:
        """Return it in one line, which may be cut: so what is long comes last."""
        took = "running" if self.seconds is None else f"{self.seconds * 1000:.2f} ms"
        facts = [f"{name}={value}" for name, value in self.facts.items()]
        facts += [f"raised {self.error}"] if self.error else []
        if len(self.detail) <= MAX_NAME_CHARACTERS:
            return " ".join([self.kind, self.detail, took, *facts])
        return " ".join([self.kind, took, *facts, self.detail])

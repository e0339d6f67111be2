"""Celery's shell, which no example uses. Loading it takes a third of the time of Celery's start."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def register_repl(_group: "Any") -> None:
    """Add no command `repl`."""

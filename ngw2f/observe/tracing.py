"""Which request the work at hand is for: the id that nginx, the web worker and the job log."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# Empty: it is for none, or for many.
request_id: ContextVar[str] = ContextVar("request_id", default="")


@contextmanager
def following(id_: str) -> Iterator[None]:
    """Have all that is logged in the block name a request."""
    token = request_id.set(id_)
    try:
        yield
    finally:
        request_id.reset(token)

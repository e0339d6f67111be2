"""The id of the request being worked on, which nginx, web workers and jobs log."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# Empty if the work is for no request, or for many.
request_id: ContextVar[str] = ContextVar("request_id", default="")


@contextmanager
def following(id_: str) -> Iterator[None]:
    """Log the block's records with a request's id."""
    token = request_id.set(id_)
    try:
        yield
    finally:
        request_id.reset(token)

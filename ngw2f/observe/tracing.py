"""The id of the request being worked on, which nginx, web workers and jobs log."""

from contextvars import ContextVar, Token

# Empty if the work is for no request, or for many.
request_id: ContextVar[str] = ContextVar("request_id", default="")


class following:  # noqa: N801 # used like a function
    """Log the block's records with a request's id."""

    __slots__ = ("_id", "_token")

    def __init__(self, id_: str) -> None:
        self._id = id_

    def __enter__(self) -> None:
        self._token: Token[str] = request_id.set(self._id)

    def __exit__(self, *_: object) -> None:
        request_id.reset(self._token)

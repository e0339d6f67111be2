"""What the client gets of a forwarded request, and what the cache does with the response."""

from collections.abc import Callable, Iterable, Iterator

from middleware._wsgi import Headers, Write, write_nothing
from middleware.cache.filling import Fill, FillingBody

# The server's `start_response`, without `exc_info`, which is passed on unseen.
Start = Callable[[str, Headers], Write]


class Outcome:
    """The head that the client gets, and what happens to the application's bytes."""

    def __init__(self, status: str, headers: Headers) -> None:
        self._status = status
        self._headers = headers
        self._write_to_client: Write = write_nothing

    def begin(self, start: Start) -> None:
        """Send the head to the server."""
        write = start(self._status, self._headers)
        self._write_to_client = write_nothing if write is None else write

    def begin_again(self, start: Start, status: str, headers: Headers) -> Write:
        """Take another head from the application, after the outcome was decided.

        It is too late for the cache to decide anew; the server knows whether the response can still
        be replaced.
        """
        return start(status, headers)

    def write(self, chunk: bytes) -> None:
        """Take bytes from an application that uses the write callable of PEP 3333."""
        self._write_to_client(chunk)

    def stream(self, body: Iterable[bytes], chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Return what the server iterates over; `chunks` are those of the application's `body`."""
        return chunks

    def give_up(self) -> None:
        """End, whether or not everything has passed."""


class Passed(Outcome):
    """The application's response goes out as it is."""


class Stored(Outcome):
    """The application's response goes out, and into the store as it passes."""

    def __init__(self, status: str, headers: Headers, fill: Fill, *, finish_seconds: float) -> None:
        super().__init__(status, headers)
        self._fill = fill
        self._finish_seconds = finish_seconds
        self._body: FillingBody | None = None

    def begin(self, start: Start) -> None:
        super().begin(start)
        if self._fill.expected == 0:
            self._fill.end()

    def begin_again(self, start: Start, status: str, headers: Headers) -> Write:
        self._fill.abort()
        write = super().begin_again(start, status, headers)
        if self._body is not None:
            self._body.forget_held()
        return write

    def write(self, chunk: bytes) -> None:
        self._fill.add(chunk)
        super().write(chunk)

    def stream(self, body: Iterable[bytes], chunks: Iterator[bytes]) -> Iterator[bytes]:
        self._body = FillingBody(body, chunks, self._fill, finish_seconds=self._finish_seconds)
        return self._body

    def give_up(self) -> None:
        self._fill.abort()


class StoredUnsent(Stored):
    """The client has the response already and gets a 304; the body goes into the store alone."""

    def begin_again(self, start: Start, status: str, headers: Headers) -> Write:
        self._fill.abort()
        return _drop

    def write(self, chunk: bytes) -> None:
        self._fill.add(chunk)

    def stream(self, body: Iterable[bytes], chunks: Iterator[bytes]) -> Iterator[bytes]:
        return FillingBody(
            body, chunks, self._fill, finish_seconds=self._finish_seconds, silent=True
        )


class Replaced(Outcome):
    """The cache answers instead of the application, whose body is closed unread."""

    def __init__(self, status: str, headers: Headers, pieces: Iterable[bytes]) -> None:
        super().__init__(status, headers)
        self._pieces = pieces

    def begin_again(self, start: Start, status: str, headers: Headers) -> Write:
        return _drop

    def write(self, chunk: bytes) -> None:
        """Drop the bytes: they belong to the response that is replaced."""

    def stream(self, body: Iterable[bytes], chunks: Iterator[bytes]) -> Iterator[bytes]:
        return iter(self._pieces)


def _drop(chunk: bytes) -> None:
    """Take bytes of a response that the client does not get."""

"""Store a body while it passes to the client."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator

from middleware._wsgi import close_body
from middleware.cache.stores.base import BodyWriter

_log = logging.getLogger("middleware.cache")


class Fill:
    """Stores one body; ends once, by a commit or by `abort`.

    An error of the store is logged, and ends it: the response passes to the client all the same.

    `expected`: the number of bytes the response announces, or None. A body of
    another length is not stored: an incomplete body may end without an error
    (RFC 9111 section 3.3).
    """

    def __init__(
        self,
        writer: BodyWriter,
        expected: int | None,
        limit: int,
        *,
        on_commit: Callable[[BodyWriter], None],
        on_abort: Callable[[bool], None],
    ) -> None:
        self.expected = expected
        self.active = True
        self._writer = writer
        self._longest = limit if expected is None else min(limit, expected)
        self._received = 0
        self._on_commit = on_commit
        self._on_abort = on_abort

    def add(self, chunk: bytes) -> None:
        """Take the next bytes; commit when the announced length is reached."""
        if not self.active:
            return
        self._received += len(chunk)
        if self._received > self._longest:
            self.abort(too_long=True)
            return
        if self._stores(lambda: self._writer.write(chunk)) and self._received == self.expected:
            self._commit()

    def end(self) -> None:
        """Commit or abort: the body is at its end."""
        if self.active:
            if self.expected is None or self._received == self.expected:
                self._commit()
            else:
                self.abort()

    def abort(self, *, too_long: bool = False) -> None:
        """Give up: the body is too long, too short, or broke off."""
        if self.active:
            self.active = False
            self._writer.discard()
            self._on_abort(too_long)

    def _commit(self) -> None:
        self.active = False
        self._stores(lambda: self._on_commit(self._writer))

    def _stores(self, step: Callable[[], None]) -> bool:
        try:
            step()
        except Exception:
            _log.exception("a response could not be stored")
            self.active = False
            self._on_abort(False)
            return False
        return True


class FillingBody:
    """A response body that is stored as it passes.

    The entry is in the store before the last byte is sent: a client that asks
    again as soon as it has everything finds it. If the length is unknown, one
    chunk is held back for that, and an empty one is sent in its place.

    If the client leaves early, `close()` reads on for `finish_seconds` at most.
    `silent`: nothing is sent, because the client gets a 304.
    """

    def __init__(
        self,
        body: Iterable[bytes],
        chunks: Iterator[bytes],
        fill: Fill,
        *,
        finish_seconds: float,
        silent: bool = False,
    ) -> None:
        self._body = body
        self._chunks = chunks
        self._fill = fill
        self._finish_seconds = finish_seconds
        self._silent = silent
        self._held: bytes | None = b"" if fill.expected is None and fill.active else None
        self._ended = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._silent:
            self._finish()
            raise StopIteration
        try:
            chunk = next(self._chunks)
        except StopIteration:
            self._ended = True
            self._fill.end()
            return self._release()
        except BaseException:
            self._ended = True
            self._fill.abort()
            raise
        self._fill.add(chunk)
        if self._held is None:
            return chunk
        if not self._fill.active:  # Too long to be stored: no reason to hold anything back.
            held, self._held = self._held, None
            return held + chunk
        held, self._held = self._held, chunk
        return held

    def close(self) -> None:
        """Read the rest if the client has left, then close the application's body, once."""
        body, self._body = self._body, ()
        try:
            self._finish()
        finally:
            self._fill.abort()
            close_body(body)

    def forget_held(self) -> None:
        """Drop the chunk that was held back: the response is replaced by another one."""
        self._held = None

    def _release(self) -> bytes:
        held, self._held = self._held, None
        if not held:
            raise StopIteration
        return held

    def _finish(self) -> None:
        deadline = time.monotonic() + self._finish_seconds
        while not self._ended and self._fill.active and time.monotonic() < deadline:
            try:
                self._fill.add(next(self._chunks))
            except StopIteration:
                self._ended = True
                self._fill.end()
            except BaseException:
                self._ended = True
                raise

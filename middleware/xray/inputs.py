"""Stand in for `wsgi.input`, and record who reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from wsgiref.types import WSGIEnvironment

from middleware.xray.running import at_work
from middleware.xray.visit import Visit


class RecordedInput:
    """The request's body, on its way down; whoever reads it is recorded as its reader."""

    __slots__ = ("_limit", "_position", "_stream", "_visit")

    def __init__(self, stream: Any, visit: Visit, environ: WSGIEnvironment) -> None:
        self._stream = stream
        self._visit = visit
        self._position = 0
        # Beyond this nothing may be read, unless the server itself knows the end.
        # Without a length there is nothing, unless it comes in pieces (RFC 9112 section 6.3).
        length = environ.get("CONTENT_LENGTH")
        if not length:
            length = "" if "HTTP_TRANSFER_ENCODING" in environ else "0"
        # Python refuses to read a number of thousands of digits.
        known = type(length) is str and length.isdecimal() and len(length) < 20
        terminated = environ.get("wsgi.input_terminated")
        self._limit = int(length) if known and not terminated else None

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._stream, name)
        if name == "seek":
            return self._seeking(found)
        if name != "readinto":
            return found

        def readinto(buffer: Any) -> Any:
            self._asked(len(buffer))
            read = found(buffer)
            self._read(read or 0)
            return read

        return readinto

    def _seeking(self, seek: Any) -> Any:
        """Return what stands in for `seek()`: what was read may be read again."""

        def seeking(*place: Any) -> Any:
            # A layer above may have read the begin of the file, so the body begins later.
            before = self._stream.tell()
            result = seek(*place)
            self._position += self._stream.tell() - before
            return result

        return seeking

    def read(self, *size: Any) -> Any:
        self._asked(*size)
        return self._got(self._stream.read(*size))

    def readline(self, *size: Any) -> Any:
        return self._got(self._stream.readline(*size))

    def readlines(self, *hint: Any) -> Any:
        lines = self._stream.readlines(*hint)
        self._read(sum(map(len, lines)))
        return lines

    def __iter__(self) -> Iterator[bytes]:
        return map(self._got, iter(self._stream))

    def close(self) -> None:
        at_work(self._visit).note("input-closed", "wsgi.input was closed")
        self._stream.close()

    def _asked(self, size: object = -1, /) -> None:
        limit = self._limit
        if limit is None:
            return
        left = limit - self._position
        if type(size) is not int or size < 0:
            detail = f"read() without a size, with {left} bytes left"
        elif size > left:
            detail = f"read({size}) with {left} bytes left"
        else:
            return
        at_work(self._visit).note("input-past-end", detail)

    def _got(self, part: Any) -> Any:
        self._read(len(part))
        return part

    def _read(self, size: int) -> None:
        self._position += size
        reader = at_work(self._visit)
        reader.input_reads += 1
        reader.input_bytes += size

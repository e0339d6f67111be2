"""Stand in for `wsgi.input`, and record who reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from wsgiref.types import WSGIEnvironment

from middleware.xray.running import at_work, now_running
from middleware.xray.visit import Visit

MAX_READERS = 20


class RecordedInput:
    """The request's body, on its way down; whoever reads it is recorded as its reader."""

    __slots__ = ("_ends_early", "_limit", "_outer", "_position", "_readers", "_stream", "_visit")

    def __init__(
        self, stream: Any, visit: Visit, environ: WSGIEnvironment, outer: object = None
    ) -> None:
        self._stream = stream
        self._visit = visit
        # What the layer got that put this one in its place.
        self._outer = outer if isinstance(outer, RecordedInput) else None
        self._position = 0
        # Who has read how much of it, and not put it back.
        self._readers: list[tuple[Visit, int]] = []
        self._ends_early = False
        # Beyond this nothing may be read, unless the server itself knows the end.
        # Without a length there is nothing, unless it comes in pieces (RFC 9112 section 6.3).
        length = length_of(environ)
        if length is None and not environ.get("CONTENT_LENGTH"):
            length = None if "HTTP_TRANSFER_ENCODING" in environ else 0
        self._limit = None if environ.get("wsgi.input_terminated") else length

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._stream, name)
        if name == "seek":
            return self._seeking(found)
        if name != "readinto":
            return found

        def readinto(buffer: Any) -> Any:
            self._asked(len(buffer))
            read = found(buffer)
            self._read(read or 0, len(buffer))
            return read

        return readinto

    def _seeking(self, seek: Any) -> Any:
        """Return what stands in for `seek()`: what was read may be read again."""

        def seeking(*place: Any) -> Any:
            # A layer above may have read the begin of the file, so the body begins later.
            before = self._stream.tell()
            result = seek(*place)
            moved = self._stream.tell() - before
            self._position += moved
            if moved < 0:
                self._readers.clear()
            return result

        return seeking

    def read(self, *size: Any) -> Any:
        self._asked(*size)
        return self._got(self._stream.read(*size), *size)

    def readline(self, *size: Any) -> Any:
        return self._got(self._stream.readline(*size), 1)

    def readlines(self, *hint: Any) -> Any:
        lines = self._stream.readlines(*hint)
        # With a hint there may be more.
        self._read(sum(map(len, lines)), 1 if hint else -1)
        return lines

    def __iter__(self) -> Iterator[bytes]:
        for line in self._stream:
            yield self._got(line, 1)
        self._read(0, 1)

    def close(self) -> None:
        at_work(self._visit).note("input-closed", "wsgi.input was closed")
        self._stream.close()

    def _asked(self, size: object = -1, /) -> None:
        limit = self._limit
        if limit is None:
            return
        left = limit - self._position
        wanted = size if type(size) is int and size >= 0 else None
        if wanted is not None and wanted <= left:
            return
        reader = at_work(self._visit)
        told = length_of(reader.raw_environ or {})
        if wanted is not None and told is not None and told > limit:
            # A layer has changed the length, and is named for it.
            return
        takers = self._takers_above(reader)
        if wanted is None:
            detail = f"read() without a size, with {left} bytes left"
        elif wanted <= left + sum(taken for _, taken in takers):
            # It may read as much; others have.
            blame(takers)
            return
        else:
            detail = f"read({wanted}) with {left} bytes left"
        reader.note("input-past-end", detail)

    def _got(self, part: Any, size: object = -1, /) -> Any:
        self._read(len(part), size)
        return part

    def _read(self, got: int, asked: object) -> None:
        """Record how much was read, and look for who is to blame if it ended early."""
        self._position += got
        reader = at_work(self._visit)
        reader.input_reads += 1
        reader.input_bytes += got
        readers = self._readers
        if reader is not now_running():
            # In a thread of a layer's own: it is not known which.
            pass
        elif got and readers and readers[-1][0] is reader:
            readers[-1] = reader, readers[-1][1] + got
        elif got and len(readers) < MAX_READERS:
            readers.append((reader, got))
        if asked == 0 or (type(asked) is int and 0 < asked <= got):
            return
        # This was the end.
        length = length_of(reader.raw_environ or {})
        takers = self._takers_above(reader)
        own = self._position - sum(taken for _, taken in takers)
        if takers and own < (1 if length is None else length):
            blame(takers)
        elif length is not None and own < length:
            self._note_early_end(length)

    @property
    def left(self) -> int | None:
        """How much has not been read; None if that is not known."""
        return None if self._limit is None else self._limit - self._position

    def _takers_above(self, reader: Visit) -> list[tuple[Visit, int]]:
        return [(visit, taken) for visit, taken in self._readers if visit.place > reader.place]

    def _note_early_end(self, length: int) -> None:
        """Blame the layer that put this stream in place of another, unless that ended early too."""
        self._ends_early = True
        outer, maker = self._outer, self._visit.caller
        if outer is None or maker is None or outer._ends_early or maker.has_note("input-short"):
            return
        maker.note("input-short", f"{length}, but {self._position} bytes came")


def blame(takers: list[tuple[Visit, int]]) -> None:
    """Note who took what others wanted to read."""
    for visit, taken in takers:
        if not visit.has_note("input-taken"):
            visit.note("input-taken", f"{taken} bytes")


def length_of(environ: WSGIEnvironment) -> int | None:
    """Return how long the body is, as far as that is known."""
    length = environ.get("CONTENT_LENGTH")
    # Python refuses to read a number of thousands of digits.
    if type(length) is str and length.isdecimal() and len(length) < 20:
        return int(length)
    return None

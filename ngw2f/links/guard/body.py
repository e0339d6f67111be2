"""Read a body up to its limit, decompressing it as it arrives."""

import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Final

from urllib3.exceptions import ProtocolError
from urllib3.response import HTTPResponse

from ngw2f.links.guard.errors import LinkFailed
from ngw2f.links.guard.media import Limit

PIECE_BYTES: Final = 16 * 1024
# Every body may hold this much, however many are in flight; beyond it, `has_room` decides. A
# page's metadata is usually within it.
SMALL_BYTES: Final = 32 * 1024
# One-byte chunks cost more than they carry: 40 ms for this many (measured).
MAX_PIECES: Final = 32 * 1024
# HTML compresses 3 to 30 times, a page of one repeated row perhaps 100; zlib's limit is 1032.
MAX_RATIO: Final = 200
RATIO_FROM_BYTES: Final = 256 * 1024

_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_GZIP_START = b"\x1f"  # RFC 1952 section 2.3.1.
# The registered content codings (IANA, HTTP Parameters), except gzip. Other words are ignored:
# sites write "none", "utf-8" or a media type, and send the body unencoded.
_CODINGS = frozenset(
    {"aes128gcm", "br", "compress", "dcb", "dcz", "deflate", "exi", "pack200-gzip"} | {"zstd"}
)
# The transfer codings (IANA, HTTP Transfer Coding Registry), except "chunked".
_TRANSFER_CODINGS = frozenset({"compress", "deflate", "gzip"})


def read_body(
    response: HTTPResponse, limit: Limit, has_room: Callable[[], bool] = lambda: True
) -> tuple[bytes, bool]:
    """Read the body of a response made with `decode_content=False`; return whether it was cut.

    Memory is bounded by the limit, one piece of input and one of output, or by little more than
    `SMALL_BYTES` if there is no room. Raises `LinkFailed`: `encoding` for an encoding that was not
    requested or is broken, `size` for a body over the limit that is useless when cut.
    """
    declared = response.length_remaining
    if declared is not None and declared > limit.max_bytes and not limit.may_be_cut:
        raise LinkFailed("size", f"the declared length of the body is {declared} bytes")
    body = _Body(limit, _decompressor_for(response), has_room)
    for count, piece in enumerate(_pieces(response, limit)):
        if count >= MAX_PIECES:
            raise LinkFailed("protocol", "the body comes in too many chunks")
        body.add(piece)
        if body.is_full:
            break
    return body.finish()


def _pieces(response: HTTPResponse, limit: Limit) -> Iterator[bytes]:
    """Yield the body; a page whose chunks break off ends there.

    The same holds for a body shorter than its Content-Length, and browsers do the same.
    """
    has_begun = False
    try:
        for piece in response.stream(PIECE_BYTES, decode_content=False):
            has_begun = True
            yield piece
    except ProtocolError as error:
        cause = error.__cause__
        partial = getattr(cause, "partial", b"")
        rest = partial if isinstance(partial, bytes) else b""
        if isinstance(cause, OSError) or not limit.may_be_cut or not (has_begun or rest):
            raise
        yield rest


def _decompressor_for(response: HTTPResponse) -> "zlib._Decompress | None":
    # Of all other words only "chunked" has a meaning, however often it appears.
    if not _TRANSFER_CODINGS.isdisjoint(_members(response, "Transfer-Encoding")):
        raise LinkFailed("encoding", "the transfer coding was not requested")
    known = _CODINGS | {"gzip"}
    codings = [each for each in _members(response, "Content-Encoding") if each in known]
    if not codings:
        return None
    if codings == ["gzip"]:  # RFC 9110 section 8.4.1.3.
        return zlib.decompressobj(_GZIP_WINDOW)
    raise LinkFailed("encoding", "the content coding was not requested")


def _members(response: HTTPResponse, name: str) -> list[str]:
    """Return the members of a list header, without parameters and quotes."""
    return [
        member.partition(";")[0].strip(" \t\"'").removeprefix("x-")
        for member in response.headers.get(name, "").lower().split(",")
    ]


class _Body:
    """The body so far. It is cut if one byte more than the limit arrives."""

    def __init__(
        self,
        limit: Limit,
        decompressor: "zlib._Decompress | None",
        has_room: Callable[[], bool],
    ) -> None:
        self._limit = limit
        self._max_bytes = limit.max_bytes
        self._decompressor = decompressor
        self._has_room = has_room
        self._has_asked = False
        self._bytes = BytesIO()  # Unlike a bytearray, its getvalue() makes no copy.
        self._consumed = 0

    @property
    def is_full(self) -> bool:
        return self._bytes.tell() > self._max_bytes

    def add(self, piece: bytes) -> None:
        if self._consumed == 0 and not piece.startswith(_GZIP_START):
            self._decompressor = None  # A proxy decoded the body, and left the header.
        if self._decompressor is None:
            self._write(piece)
            return
        self._inflate(self._decompressor, piece)

    def _write(self, piece: bytes) -> None:
        self._bytes.write(piece)
        if self._bytes.tell() > SMALL_BYTES and not self._has_asked:
            self._has_asked = True
            if not self._has_room():
                self._max_bytes = SMALL_BYTES

    def _inflate(self, decompressor: "zlib._Decompress", piece: bytes) -> None:
        """Decompress gzip (RFC 1952), a piece of output at a time.

        Only the first member is read, as in browsers; no server sends a second one.
        """
        while piece and not decompressor.eof and not self.is_full:
            try:
                self._write(decompressor.decompress(piece, PIECE_BYTES))
            except zlib.error as error:
                raise LinkFailed("encoding", "the body is not valid gzip") from error
            self._consumed += len(piece) - len(decompressor.unconsumed_tail)
            piece = decompressor.unconsumed_tail
            if self._bytes.tell() > max(RATIO_FROM_BYTES, self._consumed * MAX_RATIO):
                raise LinkFailed("size", f"the body is compressed more than {MAX_RATIO} times")

    def finish(self) -> tuple[bytes, bool]:
        is_cut = self.is_full
        if is_cut and not self._limit.may_be_cut:
            reason = f"the body is over {self._max_bytes} bytes long"
            if self._max_bytes < self._limit.max_bytes:
                reason = "there was no room for the whole body"
            raise LinkFailed("size", reason)
        self._bytes.truncate(self._max_bytes)
        return self._bytes.getvalue(), is_cut

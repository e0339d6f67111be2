"""A body read to its limit and not a byte further, decompressed as it comes."""

import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Final

from urllib3.exceptions import ProtocolError
from urllib3.response import HTTPResponse

from ngw2f.links.guard.errors import LinkFailed
from ngw2f.links.guard.media import Limit

PIECE_BYTES: Final = 16 * 1024
# So much of any body is held, however many are on their way; whether there is room for the rest
# is asked. What a page says of itself usually stands in here.
SMALL_BYTES: Final = 32 * 1024
# Chunks of a byte each cost us more than they hold: 40 ms for all these (measured).
MAX_PIECES: Final = 32 * 1024
# HTML shrinks 3 to 30 times, a page full of one table row perhaps 100; zlib's limit is 1032.
MAX_RATIO: Final = 200
RATIO_FROM_BYTES: Final = 256 * 1024

_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_GZIP_START = b"\x1f"  # RFC 1952 section 2.3.1.
# The registered content codings (IANA, HTTP Parameters), but for gzip. Any other word is none:
# sites write "none", "utf-8" or a media type, and send the body as it is.
_CODINGS = frozenset(
    {"aes128gcm", "br", "compress", "dcb", "dcz", "deflate", "exi", "pack200-gzip"} | {"zstd"}
)
# Those of transfer (IANA, HTTP Transfer Coding Registry), but for "chunked".
_TRANSFER_CODINGS = frozenset({"compress", "deflate", "gzip"})


def read_body(
    response: HTTPResponse, limit: Limit, has_room: Callable[[], bool] = lambda: True
) -> tuple[bytes, bool]:
    """Read the body of a response made with `decode_content=False`; say whether it was cut.

    Holds at most the limit, a piece of the wire and a piece of output at a time; little more than
    `SMALL_BYTES` if there is no room for more. Raises `LinkFailed`: `encoding` for what we did not
    ask for or cannot be undone, `size` for what is over the limit and of no use cut.
    """
    declared = response.length_remaining
    if declared is not None and declared > limit.max_bytes and not limit.may_be_cut:
        raise LinkFailed("size", f"the body is said to be {declared} bytes long")
    body = _Body(limit, _decompressor_for(response), has_room)
    for count, piece in enumerate(_pieces(response, limit)):
        if count >= MAX_PIECES:
            raise LinkFailed("protocol", "the body comes in too many chunks")
        body.add(piece)
        if body.is_full:
            break
    return body.finish()


def _pieces(response: HTTPResponse, limit: Limit) -> Iterator[bytes]:
    """Yield what comes of the body; where its chunks break off, a page is what has come till then.

    So it is where there is less than its Content-Length says, and in browsers.
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
    # Of other words, "chunked" alone means something, however often it is there.
    if not _TRANSFER_CODINGS.isdisjoint(_members(response, "Transfer-Encoding")):
        raise LinkFailed("encoding", "the transfer coding is not one that was asked for")
    known = _CODINGS | {"gzip"}
    codings = [each for each in _members(response, "Content-Encoding") if each in known]
    if not codings:
        return None
    if codings == ["gzip"]:  # RFC 9110 section 8.4.1.3.
        return zlib.decompressobj(_GZIP_WINDOW)
    raise LinkFailed("encoding", "the content coding is not one that was asked for")


def _members(response: HTTPResponse, name: str) -> list[str]:
    """Return the words of a list, without parameters and quotes."""
    return [
        member.partition(";")[0].strip(" \t\"'").removeprefix("x-")
        for member in response.headers.get(name, "").lower().split(",")
    ]


class _Body:
    """The body so far. One byte over the limit is enough to know that there was more."""

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
        self._bytes = BytesIO()  # Its getvalue() makes no copy, as a bytearray would need.
        self._consumed = 0

    @property
    def is_full(self) -> bool:
        return self._bytes.tell() > self._max_bytes

    def add(self, piece: bytes) -> None:
        if self._consumed == 0 and not piece.startswith(_GZIP_START):
            self._decompressor = None  # Somebody on the way has undone it, and left the word.
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
        """Undo gzip (RFC 1952), a piece of output at a time.

        Only its first member is read, as in browsers; no server sends a second one.
        """
        while piece and not decompressor.eof and not self.is_full:
            try:
                self._write(decompressor.decompress(piece, PIECE_BYTES))
            except zlib.error as error:
                raise LinkFailed("encoding", "the body is not the gzip it is said to be") from error
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

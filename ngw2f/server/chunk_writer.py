"""Write the chunks of a stream at once, from the event loop.

A stream's body yields its chunks one by one, each in its client's own greenlet and through every
layer of the chain: for a thousand clients that costs twice what the system calls do. So once the
head and a first chunk of a response are sent, its body may take the connection's writer, and what
it writes there need not be yielded. Nobody may write while the body's `next()` is not waiting, nor
if the chain changes chunks: if `first` is not what the body yielded first.
"""

import os


class ChunkWriter:
    """Writes chunks (RFC 9112 section 7.1) to a socket that never blocks, without TLS."""

    __slots__ = ("_descriptor", "first", "rest", "size")

    def __init__(self, descriptor: int, first: bytes = b"") -> None:
        self._descriptor = descriptor
        # The first chunk, as the server got it.
        self.first = first
        # What the socket did not take of the last frame. The response sends it first.
        self.rest: memoryview | None = None
        # How many bytes of content it has written.
        self.size = 0

    @staticmethod
    def frame(content: bytes) -> bytes:
        """Return one chunk, which many clients may get."""
        return b"%X\r\n%b\r\n" % (len(content), content)

    def write(self, frame: bytes, size: int) -> bool:
        """Write a chunk with *size* bytes of content; return False if none of it could be."""
        try:
            sent = os.write(self._descriptor, frame)
        except OSError:
            # The socket is full, or the client has gone: then whoever yields finds out, too.
            return False
        self.size += size
        if sent < len(frame):
            self.rest = memoryview(frame)[sent:]
        return True

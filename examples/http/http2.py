"""Ask for a file twice over HTTP/2, and print the frames: python http2.py [PORT].

Both requests leave before an answer comes, each in a stream of its own (RFC 9113 section 5).
"""

import socket
import sys
from collections.abc import Iterator
from typing import BinaryIO

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
TYPES = {0: "DATA", 1: "HEADERS", 4: "SETTINGS", 7: "GOAWAY", 8: "WINDOW_UPDATE"}
HEADERS, SETTINGS = 1, 4
END_STREAM, END_HEADERS = 0x1, 0x4

# One byte each from a table known to both sides: GET, http (RFC 7541 appendix A) ...
HEADER_BLOCK = b"\x82\x86"
# ... and other fields by name (:path is 4, :authority 1), length and text.
HEADER_BLOCK += b"\x04\x09/poem.txt" + b"\x01\x09localhost"


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Return a frame: a nine-byte header and the payload (RFC 9113 section 4.1)."""
    header = len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
    return header + payload


def frames(connection: BinaryIO) -> Iterator[tuple[int, int, int, bytes]]:
    while header := connection.read(9):
        length = int.from_bytes(header[:3], "big")
        stream = int.from_bytes(header[5:], "big")
        yield header[3], header[4], stream, connection.read(length)


def main(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        asking = [frame(HEADERS, END_STREAM | END_HEADERS, n, HEADER_BLOCK) for n in (1, 3)]
        connection.sendall(PREFACE + frame(SETTINGS, 0, 0) + b"".join(asking))
        print(f"asked twice, in {len(asking[0])} bytes each")
        arrived: dict[int, list[str]] = {1: [], 3: []}
        ended = 0
        for kind, flags, stream, payload in frames(connection.makefile("rb")):
            if stream:
                arrived[stream].append(f"{TYPES[kind]} of {len(payload)} bytes")
                ended += flags & END_STREAM
            if ended == len(arrived):
                break
    for stream, parts in arrived.items():
        print(f"stream {stream}: {', '.join(parts)}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8081)

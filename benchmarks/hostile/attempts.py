"""What a hostile client sends over one connection, and how.

A module of attacks has `KINDS`: names, each with a function that makes a random Attempt.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, TypeAlias

# How a connection ends: when the server ends it, by half a close and what then comes, by a
# close, by a reset.
Ending: TypeAlias = Literal["wait", "half", "close", "reset"]
ENDINGS: tuple[Ending, ...] = ("wait", "half", "close", "reset")
# No attempt waits longer for a response; the server's own limits are longer.
PATIENCE_SECONDS = 0.5
CONNECT_SECONDS = 10.0


@dataclass(frozen=True)
class Attempt:
    """Pieces to send one after the other, with a pause in seconds between them."""

    pieces: Sequence[bytes]
    pause: float = 0.0
    ending: Ending = "half"
    # Some clients never read the response.
    reads: bool = True


Kind: TypeAlias = Callable[[Random], Attempt]


def made_up(kinds: dict[str, Kind], seed: int, count: int) -> Iterator[tuple[str, Attempt]]:
    """Make random attempts, the same ones for the same seed."""
    random = Random(seed)
    names = sorted(kinds)
    for _ in range(count):
        name = random.choice(names)
        yield name, kinds[name](random)


async def play(port: int, attempt: Attempt) -> None:
    """Carry out the attempt, whatever the server does."""
    connecting = asyncio.open_connection("127.0.0.1", port)
    reader, writer = await asyncio.wait_for(connecting, CONNECT_SECONDS)
    try:
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(_talk(reader, writer, attempt), PATIENCE_SECONDS)
    finally:
        if attempt.ending == "reset":
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()


async def _talk(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, attempt: Attempt
) -> None:
    for piece in attempt.pieces:
        writer.write(piece)
        await writer.drain()
        if attempt.pause:
            await asyncio.sleep(attempt.pause)
    if attempt.ending == "half":
        writer.write_eof()
    if not attempt.reads:
        await asyncio.sleep(PATIENCE_SECONDS)
    elif attempt.ending in ("half", "wait"):
        while await reader.read(65536):
            pass

"""Measure what ten ticks cost a client on each transport: python measure.py [PLOT.svg].

The clients speak over sockets, so that each byte is counted. `late`: how long after its instant a
tick arrives, on average.
"""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from examples.transcript.plot import draw
from examples.transcript.stage import Stage
from examples.transcript.wire import Wire

TICKS = 10
TICK_SECONDS = 0.25
# A shorter interval costs more, a longer one is later.
POLL_SECONDS = 0.1
KEY = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
KEY += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"


def polling(wire: Wire) -> Iterator[int]:
    while True:
        wire.ask("/poll")
        yield int(wire.chunk())
        wire.chunk()
        time.sleep(POLL_SECONDS)


def long_polling(wire: Wire) -> Iterator[int]:
    last = int(time.time() / TICK_SECONDS)
    while True:
        wire.ask(f"/longpoll?after={last}")
        last = int(wire.chunk())
        wire.chunk()
        yield last


def streaming(wire: Wire) -> Iterator[int]:
    wire.ask("/stream")
    while True:
        yield int(wire.chunk())


def server_sent_events(wire: Wire) -> Iterator[int]:
    wire.ask("/events")
    while True:
        yield int(wire.chunk().partition(b"data: ")[2])


def websocket(wire: Wire) -> Iterator[int]:
    wire.ask("/ws", KEY)
    while True:
        yield int(wire.frame())


def socket_io(wire: Wire) -> Iterator[int]:
    wire.ask("/socket.io/?EIO=4&transport=websocket", KEY)
    wire.frame()  # what the server offers
    wire.send(b"\x81\x82\0\0\0\x0040")  # "connect", in a frame with a mask of zeros
    while True:
        frame = wire.frame()
        if frame.startswith(b'42["tick",'):
            yield int(frame[10:-1])


TRANSPORTS: dict[str, Callable[[Wire], Iterator[int]]] = {
    "polling": polling, "long polling": long_polling, "streaming": streaming,
    "Server-Sent Events": server_sent_events, "WebSocket": websocket, "Socket.IO": socket_io,
}  # fmt: skip


def measure(port: int, transport: Callable[[Wire], Iterator[int]]) -> tuple[int, int, int, float]:
    """Return requests, bytes sent, bytes received, and the mean delay in seconds."""
    wire = Wire(port)
    delays: dict[int, float] = {}
    for number in transport(wire):
        delays.setdefault(number, time.time() - number * TICK_SECONDS)
        if len(delays) > TICKS:
            break
    wire.close()
    # The first tick may be older than the client.
    late = list(delays.values())[1:]
    return wire.requests, wire.sent, wire.received, sum(late) / len(late)


def main() -> None:
    plot: dict[str, dict[str, float]] = {"Requests for ten ticks": {}, "Bytes, both ways": {}}
    print(f"{'transport':<20}{'requests':>9}{'sent':>7}{'received':>10}{'late (ms)':>11}")
    with Stage(Path(__file__).parent) as stage:
        command = "gunicorn --worker-class gevent clock:application"
        port = stage.serve(command)
        for name, transport in TRANSPORTS.items():
            requests, sent, received, late = measure(port, transport)
            print(f"{name:<20}{requests:>9}{sent:>7}{received:>10}{late * 1000:>11.1f}", flush=True)
            for figures, figure in zip(plot.values(), (requests, sent + received), strict=True):
                figures[name] = figure
    if len(sys.argv) > 1:
        draw(Path(sys.argv[1]), plot, ".0f")


if __name__ == "__main__":
    main()

"""One clock over six transports: gunicorn --worker-class gevent clock:application.

It ticks four times a second: a tick is the number of quarters of a second since 1970.
"""

import time
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import socketio
from simple_websocket import ConnectionClosed, Server

TICK_SECONDS = 0.25


def tick() -> int:
    return int(time.time() / TICK_SECONDS)


def tick_after(last: int) -> int:
    """Wait for the next tick, and return it."""
    while tick() <= last:
        time.sleep((last + 1) * TICK_SECONDS - time.time() + 0.0001)
    return tick()


def ticks() -> Iterator[int]:
    last = tick()
    while True:
        last = tick_after(last)
        yield last


def poll(environ: WSGIEnvironment) -> Iterable[bytes]:
    """Answer at once, with or without a tick: the client asks again soon."""
    return [b"%d\n" % tick()]


def long_poll(environ: WSGIEnvironment) -> Iterable[bytes]:
    """Answer at the next tick: the client asks again at once."""
    return [b"%d\n" % tick_after(int(environ["QUERY_STRING"].removeprefix("after=")))]


def stream(environ: WSGIEnvironment) -> Iterable[bytes]:
    """Answer without end."""
    return (b"%d\n" % number for number in ticks())


def events(environ: WSGIEnvironment) -> Iterable[bytes]:
    """Do the same in a format that browsers parse, and reconnect to by themselves."""
    return (b"id: %d\ndata: %d\n\n" % (number, number) for number in ticks())


def websocket(environ: WSGIEnvironment) -> Iterable[bytes]:
    """Leave HTTP after the first request; then both sides may send (RFC 6455)."""
    connection = Server(environ)
    try:
        for number in ticks():
            connection.send(str(number))
    except ConnectionClosed:
        # Tells gunicorn that the socket is no longer its own.
        raise StopIteration from None
    return []


rooms: Any = socketio.Server(async_mode="threading")


@rooms.event  # type: ignore[untyped-decorator] # Socket.IO has no types.
def connect(sid: str, environ: WSGIEnvironment) -> None:
    def tell() -> None:
        for number in ticks():
            rooms.emit("tick", number, to=sid)

    rooms.start_background_task(tell)


PLAIN = {"/poll": poll, "/longpoll": long_poll, "/stream": stream, "/events": events}


def http(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Serve the four plain HTTP transports, and WebSocket."""
    path = environ["PATH_INFO"]
    if path == "/ws":
        return websocket(environ)
    kind = "text/event-stream" if path == "/events" else "text/plain"
    if path not in PLAIN:
        start_response("404 Not Found", [("Content-Type", "text/plain"), ("Content-Length", "0")])
        return []
    start_response("200 OK", [("Content-Type", kind), ("Cache-Control", "no-store")])
    return PLAIN[path](environ)


application = socketio.WSGIApp(rooms, http)

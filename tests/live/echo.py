"""A WebSocket that sends back what it gets, under our worker, as Autobahn's test suite wants it."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from wsgiref.types import StartResponse, WSGIEnvironment

from examples.transcript.machine import free_port
from ngw2f.http import Request
from ngw2f.web.deflate import agree
from ngw2f.web.frames import ConnectionClosed, WebSocketServer
from ngw2f.web.upgrade import SwitchingProtocols, handshake_of, take_over
from tests.waiting import HANGING_SECONDS, wait_until

PROJECT = Path(__file__).parents[2]
MAX_BYTES = 256 * 1024
WORKER = "ngw2f.server.gevent_worker.ChatGeventWorker"


class Echo(NamedTuple):
    port: int


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    request = Request(environ)
    environ, sock = take_over(request)

    def run() -> None:
        try:
            agreement = agree(request.headers.get("Sec-WebSocket-Extensions", ""))
            server = WebSocketServer(handshake_of(environ), MAX_BYTES, agreement)
            with suppress(ConnectionClosed):
                while (message := server.receive()) is not None:
                    server.send(message)
        finally:
            sock.close_gently()

    return SwitchingProtocols(run)(environ, start_response)


def is_listening(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


@contextmanager
def echoing() -> Iterator[Echo]:
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-k", WORKER, "-b", f"127.0.0.1:{port}"]
    command += ["--log-level", "warning", "tests.live.echo:application"]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    # Not in the project's folder, whose gunicorn.conf.py is the chat's.
    process = subprocess.Popen(command, cwd=Path(__file__).parent, env=environment)
    try:
        wait_until(lambda: is_listening(port) or process.poll() is not None)
        yield Echo(port)
    finally:
        process.terminate()
        process.wait(HANGING_SECONDS)

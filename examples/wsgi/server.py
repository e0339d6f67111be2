"""A WSGI server in seventy lines, one client at a time: python server.py MODULE:NAME [PORT].

It leaves out what makes a server fit for the world: time limits, size limits, chunked bodies,
connections that stay open. What is left is PEP 3333.
"""

import importlib
import socket
import sys
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO, TypeAlias
from wsgiref.types import WSGIApplication, WSGIEnvironment

ExcInfo: TypeAlias = Any
Headers: TypeAlias = list[tuple[str, str]]


class Answer:
    """What is known of one answer: status and headers wait until the first byte of the body."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.start: tuple[str, Headers] | None = None
        self.is_begun = False

    def start_response(
        self, status: str, headers: Headers, exc_info: ExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        if exc_info and self.is_begun:
            raise exc_info[1]  # It is too late to say anything else.
        if self.start and not exc_info:
            raise AssertionError("start_response was called twice")
        self.start = status, headers
        return self.write

    def write(self, chunk: bytes) -> None:
        if not self.start:
            raise AssertionError("start_response was not called")
        if not self.is_begun:
            status, headers = self.start
            lines = [f"HTTP/1.0 {status}", *(f"{name}: {value}" for name, value in headers)]
            self.connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
            self.is_begun = True
        self.connection.sendall(chunk)


def environ_of(stream: BinaryIO) -> WSGIEnvironment:
    """Read a request's head and give it as a dictionary; the body stays in the stream."""
    method, target, protocol = stream.readline().decode("latin-1").split()
    path, _, query = target.partition("?")
    environ = {
        "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "8000", "SERVER_PROTOCOL": protocol,
        "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": stream,
        "wsgi.errors": sys.stderr, "wsgi.multithread": False, "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }  # fmt: skip
    while line := stream.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        key = name.upper().replace("-", "_")
        own = ("CONTENT_TYPE", "CONTENT_LENGTH")
        environ[key if key in own else f"HTTP_{key}"] = value.strip()
    return environ


def answer(connection: socket.socket, stream: BinaryIO, app: WSGIApplication) -> None:
    """Call the application, send what it gives, and close it, whatever happens."""
    response = Answer(connection)
    body = app(environ_of(stream), response.start_response)
    try:
        for chunk in body:
            if chunk:
                response.write(chunk)
        response.write(b"")  # The head of an answer without a body.
    finally:
        if hasattr(body, "close"):
            body.close()


def serve(app: WSGIApplication, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)) as listener:
        while True:
            connection, _ = listener.accept()
            # The client sees the end when both are closed.
            with connection, connection.makefile("rb") as stream:
                try:
                    answer(connection, stream, app)
                except Exception:
                    traceback.print_exc()


if __name__ == "__main__":
    sys.path.insert(0, "")
    module, _, name = sys.argv[1].partition(":")
    application: WSGIApplication = getattr(importlib.import_module(module), name)
    serve(application, int(sys.argv[2]) if len(sys.argv) > 2 else 8000)

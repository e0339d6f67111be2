"""A WSGI server in sixty lines of code: python server.py MODULE:NAME PORT.

One client at a time. It leaves out what production needs: time limits, size limits, chunked
bodies, keep-alive. What is left is PEP 3333.
"""

import pkgutil
import socket
import sys
import traceback
from typing import Any, BinaryIO
from urllib.parse import unquote
from wsgiref.types import WSGIApplication, WSGIEnvironment

Headers = list[tuple[str, str]]


class Answer:
    """The state of one answer: its head waits for the first byte of the body."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.head = b""
        self.is_begun = False

    def start_response(self, status: str, headers: Headers, exc_info: Any = None, /) -> Any:
        if exc_info and self.is_begun:
            raise exc_info[1]  # It is too late to say anything else.
        assert exc_info or not self.head, "start_response was called twice"
        lines = [f"HTTP/1.0 {status}", *map(": ".join, headers), "", ""]
        self.head = "\r\n".join(lines).encode("latin-1")
        return self.write

    def write(self, chunk: bytes) -> None:
        assert self.head, "start_response was not called"
        self.connection.sendall(chunk if self.is_begun else self.head + chunk)
        self.is_begun = True


def environ_of(connection: socket.socket, stream: BinaryIO) -> WSGIEnvironment:
    """Read a request's head into a dictionary; the body stays in the stream."""
    method, target, protocol = stream.readline().decode("latin-1").split()
    path, _, query = target.partition("?")
    environ = {
        "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": unquote(path, "latin-1"),
        "QUERY_STRING": query, "SERVER_PROTOCOL": protocol, "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(connection.getsockname()[1]), "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http", "wsgi.input": stream, "wsgi.errors": sys.stderr,
        "wsgi.multithread": False, "wsgi.multiprocess": False, "wsgi.run_once": False,
    }  # fmt: skip
    while line := stream.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        key = name.upper().replace("-", "_")
        is_plain = key in ("CONTENT_TYPE", "CONTENT_LENGTH")
        environ[key if is_plain else f"HTTP_{key}"] = value.strip()
    return environ


def answer(app: WSGIApplication, environ: WSGIEnvironment, response: Answer) -> None:
    """Call the application, send its chunks, and close the iterable, whatever happens."""
    body = app(environ, response.start_response)
    try:
        for chunk in filter(None, body):  # The head waits for a byte, not for an empty chunk.
            response.write(chunk)
        response.write(b"")  # An answer without a body has a head, too.
    finally:
        if hasattr(body, "close"):
            body.close()


def serve(app: WSGIApplication, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)) as listener:
        while True:
            connection, _ = listener.accept()
            # The client sees the end once both are closed.
            with connection, connection.makefile("rb") as stream:
                try:
                    answer(app, environ_of(connection, stream), Answer(connection))
                except Exception:
                    traceback.print_exc()


if __name__ == "__main__":
    serve(pkgutil.resolve_name(sys.argv[1]), int(sys.argv[2]))

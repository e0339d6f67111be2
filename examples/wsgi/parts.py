"""What an application may do, one path each: python server.py parts:application 8000."""

import sys
from collections.abc import Iterable, Iterator
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

PLAIN = [("Content-Type", "text/plain")]


def environ(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Show the request: CGI's names, headers with the prefix HTTP_, and the server's own."""
    start_response("200 OK", PLAIN)
    shown = {key: value for key, value in environ.items() if isinstance(value, str | bool | tuple)}
    return [f"{key} = {value!r}\n".encode() for key, value in sorted(shown.items())]


def echo(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Read the body, and no further, since the connection may stay open after it."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", PLAIN)
    return [body]


def written(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Push instead of being pulled: `write` is old, legal, and precedes the iterable."""
    write = start_response("200 OK", PLAIN)
    write(b"written\n")
    return [b"returned\n"]


class Countdown:
    """An iterable that holds a resource: `close` is called however it ends."""

    def __iter__(self) -> Iterator[bytes]:
        yield from (b"3\n", b"2\n", b"1\n")

    def close(self) -> None:
        print("closed", flush=True)


def countdown(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", PLAIN)
    return Countdown()


def failing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    """Replace the answer, with `exc_info`: it works until the first byte is sent."""
    start_response("200 OK", PLAIN)
    try:
        if environ["QUERY_STRING"] == "late":
            yield b"so far, so good\n"
        raise RuntimeError("something went wrong")
    except RuntimeError:
        start_response("500 Internal Server Error", PLAIN, sys.exc_info())
        yield b"sorry\n"


def application(environ_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    parts: dict[str, WSGIApplication] = {
        "/environ": environ, "/echo": echo, "/write": written, "/close": countdown,
        "/error": failing,
    }  # fmt: skip
    return parts[environ_["PATH_INFO"]](environ_, start_response)

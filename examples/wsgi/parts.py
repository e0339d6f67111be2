"""What an application may do, a path each: python server.py parts:application 8000."""

import sys
from collections.abc import Iterable, Iterator
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

PLAIN = [("Content-Type", "text/plain")]


def environ(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Show the request: CGI's names, headers with HTTP_ before them, and the server's own."""
    start_response("200 OK", PLAIN)
    shown = {key: value for key, value in environ.items() if isinstance(value, str | bool | tuple)}
    return [f"{key} = {value!r}\n".encode() for key, value in sorted(shown.items())]


def echo(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Read the body: no more than it has, since the connection may stay open behind it."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", PLAIN)
    return [body]


def written(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Push instead of being pulled: `write` is old, legal, and comes before the iterable."""
    write = start_response("200 OK", PLAIN)
    write(b"written\n")
    return [b"returned\n"]


class Countdown:
    """An iterable with something to give back: `close` is called however it ends."""

    def __iter__(self) -> Iterator[bytes]:
        yield from (b"3\n", b"2\n", b"1\n")

    def close(self) -> None:
        print("closed", flush=True)


def countdown(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", PLAIN)
    return Countdown()


def failing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    """Change one's mind, with `exc_info`: it works until the first byte is on its way."""
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

"""A quick answer, a large one, and a file: gunicorn shop:application."""

from collections.abc import Iterable
from pathlib import Path
from wsgiref.types import StartResponse, WSGIEnvironment
from wsgiref.util import FileWrapper

# More than the kernel buffers for a connection that is not read.
LARGE = b"x" * (8 << 20)


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    body: Iterable[bytes]
    match environ["PATH_INFO"]:
        case "/large":
            body, length = [LARGE], len(LARGE)
        case "/site/picture.svg":
            path = Path("site/picture.svg")
            body, length = FileWrapper(path.open("rb")), path.stat().st_size
        case _:
            body, length = [b"quick\n"], 6
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(length))])
    return body

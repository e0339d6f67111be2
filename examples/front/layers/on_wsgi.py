"""A greeting, with only PEP 3333."""

import time
from collections.abc import Iterable
from pathlib import Path
from wsgiref.types import StartResponse, WSGIEnvironment


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/wait":
        while not Path("enough").exists():
            time.sleep(0.01)
    elif not path.startswith("/hello/"):
        start_response("404 Not Found", [("Content-Length", "0")])
        return []
    body = f"hello {path.removeprefix('/hello/')}\n".encode("latin-1")
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]

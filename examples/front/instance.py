"""Say which process answers: NAME=one gunicorn instance:application."""

import os
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

NAME = os.environ.get("NAME", "worker")


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    body = f"{NAME} {os.getpid()}\n".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]

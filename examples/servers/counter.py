"""Count visits in the memory of the process: gunicorn --workers 2 counter:application."""

from collections.abc import Iterable
from itertools import count
from wsgiref.types import StartResponse, WSGIEnvironment

visits = count(1)


def application(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    body = b"visit %d\n" % next(visits)
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return [body]

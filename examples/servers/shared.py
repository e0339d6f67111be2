"""Count visits in Redis: REDIS_URL=... gunicorn --workers 2 shared:application."""

import os
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from redis import Redis

redis = Redis.from_url(os.environ["REDIS_URL"])


def application(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    # One command, so that two workers never read the same number.
    body = b"visit %d\n" % redis.incr("visits")
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return [body]

"""Wait, compute, or half of each, for the seconds after the `?`: gunicorn work:application.

The answer has its start and end by the machine's clock, so that answers of several processes can
be put in order. Each line is sent at once.
"""

import time
from collections.abc import Iterator
from wsgiref.types import StartResponse, WSGIEnvironment

# The share of the time spent waiting.
WAITING = {"/wait": 1.0, "/half": 0.5, "/compute": 0.0}


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield now("begun")
    if environ["PATH_INFO"] in WAITING:
        seconds = float(environ["QUERY_STRING"])
        waiting = WAITING[environ["PATH_INFO"]] * seconds
        # Skip a sleep of 0, which under gevent would let others run.
        if waiting:
            time.sleep(waiting)
        compute(seconds - waiting)
    yield now("done")


def compute(seconds: float) -> None:
    """Compute for some processor time, whatever else runs."""
    begun = time.thread_time()
    while time.thread_time() - begun < seconds:
        pass


def now(word: str) -> bytes:
    return f"{word} {time.monotonic():.6f}\n".encode()

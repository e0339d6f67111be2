"""Count what one request calls, with Werkzeug's profiler and test client: python profiled.py."""

import sys

from werkzeug import Request, Response
from werkzeug.middleware.profiler import ProfilerMiddleware
from werkzeug.test import Client

NOTES = ["tea at noon"] * 50


def author_of(_number: int) -> str:
    """Simulate a database query."""
    return "ann"


@Request.application
def listing(_request: Request) -> Response:
    # The mistake: a query for each note, where one would do for all.
    lines = [f"{author_of(number)}: {note}\n" for number, note in enumerate(NOTES)]
    return Response("".join(lines))


profiled = ProfilerMiddleware(
    listing, sys.stdout, sort_by=("ncalls",), restrictions=[r"profiled\.py.*\b[a-z]\w+\)"]
)
Client(profiled).get("/")

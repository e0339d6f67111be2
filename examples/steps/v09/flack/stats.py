"""The rate of requests."""

import time

from werkzeug import Request, Response
from werkzeug.routing import Rule

from ..config import CONFIG
from .utils import json_response

arrivals: list[float] = []


def recent(now: float) -> list[float]:
    return [arrival for arrival in arrivals if arrival > now - CONFIG.stats_seconds]


def note_arrival() -> None:
    now = time.time()
    # Keep them only as long as they count.
    arrivals[:] = [*recent(now), now]


def show(_request: Request) -> Response:
    arrived = len(recent(time.time()))
    return json_response({"requests_per_second": arrived / CONFIG.stats_seconds})


STATS = Rule("/stats", endpoint=show, methods=["GET"])

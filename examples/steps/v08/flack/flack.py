"""Flack 0.8: api.py has its own rules."""

import time

from werkzeug import Request, Response
from werkzeug.routing import Map, Rule

from ..config import CONFIG
from . import models
from .api import API
from .utils import json_response

arrivals: list[float] = []


def index(_request: Request) -> Response:
    lines = [f"{message['nickname']}: {message['html']}" for message in models.messages_after(0)]
    return Response("".join(lines))


def stats(_request: Request) -> Response:
    seconds = CONFIG.stats_seconds
    recent = sum(arrival > time.time() - seconds for arrival in arrivals)
    return json_response({"requests_per_second": recent / seconds})


RULES = [
    Rule("/", endpoint=index, methods=["GET"]),
    API,
    Rule("/stats", endpoint=stats, methods=["GET"]),
]
URLS = Map(RULES)


@Request.application
def application(request: Request) -> Response:
    arrivals.append(time.time())
    view, _ = URLS.bind_to_environ(request).match()
    response: Response = view(request)
    return response

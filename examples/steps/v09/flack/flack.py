"""Flack 0.9: stats.py counts."""

from werkzeug import Request, Response
from werkzeug.routing import Map, Rule

from . import models
from .api import API
from .stats import STATS, note_arrival


def index(_request: Request) -> Response:
    lines = [f"{message['nickname']}: {message['html']}" for message in models.messages_after(0)]
    return Response("".join(lines))


RULES = [
    Rule("/", endpoint=index, methods=["GET"]),
    API,
    STATS,
]
URLS = Map(RULES)


@Request.application
def application(request: Request) -> Response:
    note_arrival()
    view, _ = URLS.bind_to_environ(request).match()
    response: Response = view(request)
    return response

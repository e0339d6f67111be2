"""The pages."""

from werkzeug import Request, Response
from werkzeug.routing import Rule

from .services import Services
from .utils import json_response


def index(services: Services, _request: Request) -> Response:
    messages = services.models.messages_after(0)
    return Response("".join(f"{message['nickname']}: {message['html']}" for message in messages))


def stats(services: Services, _request: Request) -> Response:
    return json_response({"requests_per_second": services.stats.requests_per_second()})


def rules() -> list[Rule]:
    """Return new rules: a rule belongs to one map."""
    return [
        Rule("/", endpoint=index, methods=["GET"]),
        Rule("/stats", endpoint=stats, methods=["GET"]),
    ]

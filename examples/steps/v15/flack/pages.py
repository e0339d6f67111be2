"""The pages."""

from werkzeug import Request, Response
from werkzeug.routing import Rule

from . import events
from .services import Services
from .utils import json_response


def index(services: Services, _request: Request) -> Response:
    messages = services.models.messages_after(0)
    # Leave out messages that are not rendered yet.
    lines = [f"{message['nickname']}: {message['html']}" for message in messages if message["html"]]
    return Response("".join(lines))


def stats(services: Services, _request: Request) -> Response:
    return json_response({"requests_per_second": services.stats.requests_per_second()})


def status(services: Services, _request: Request, task: str) -> Response:
    return services.tasks.show(task)


def listen(services: Services, _request: Request) -> Response:
    return events.stream(services.redis)


def rules() -> list[Rule]:
    """Return new rules: a rule belongs to one map."""
    return [
        Rule("/", endpoint=index, methods=["GET"]),
        Rule("/stats", endpoint=stats, methods=["GET"]),
        Rule("/status/<task>", endpoint=status, methods=["GET"]),
        Rule("/events", endpoint=listen, methods=["GET"]),
    ]

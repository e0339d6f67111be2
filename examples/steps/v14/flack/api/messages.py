"""Messages."""

from werkzeug import Request, Response
from werkzeug.routing import Rule

from ..auth import user_by_token
from ..services import Services
from ..utils import json_response, text_of


def create_message(services: Services, request: Request) -> Response:
    nickname = user_by_token(services, request)
    source = text_of(request, "source")
    return services.tasks.begin(services.models.add_message(nickname, source))


def list_messages(services: Services, request: Request) -> Response:
    after = request.args.get("after", 0, int)
    return json_response({"messages": services.models.messages_after(after)})


def rules() -> list[Rule]:
    return [
        Rule("/messages", endpoint=create_message, methods=["POST"]),
        Rule("/messages", endpoint=list_messages, methods=["GET"]),
    ]

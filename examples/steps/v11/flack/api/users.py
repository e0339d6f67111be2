"""Users."""

from werkzeug import Request, Response
from werkzeug.exceptions import BadRequest
from werkzeug.routing import Rule

from ..services import Services
from ..utils import json_response, text_of


def create_user(services: Services, request: Request) -> Response:
    nickname = text_of(request, "nickname")
    if not services.models.add_user(nickname, text_of(request, "password")):
        raise BadRequest("the nickname is taken")
    return json_response({"nickname": nickname}, 201)


def rules() -> list[Rule]:
    return [Rule("/users", endpoint=create_user, methods=["POST"])]

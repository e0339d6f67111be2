"""The API: its own rules, under a prefix that only `Submount` names."""

from werkzeug import Request, Response
from werkzeug.exceptions import BadRequest
from werkzeug.routing import Rule, RuleFactory, Submount

from .auth import user_by_password, user_by_token
from .services import Services
from .utils import json_response, text_of


def create_user(services: Services, request: Request) -> Response:
    nickname = text_of(request, "nickname")
    if not services.models.add_user(nickname, text_of(request, "password")):
        raise BadRequest("the nickname is taken")
    return json_response({"nickname": nickname}, 201)


def create_token(services: Services, request: Request) -> Response:
    token = services.models.new_token(user_by_password(services, request))
    return json_response({"token": token}, 201)


def create_message(services: Services, request: Request) -> Response:
    nickname = user_by_token(services, request)
    return json_response(services.models.add_message(nickname, text_of(request, "source")), 201)


def list_messages(services: Services, request: Request) -> Response:
    after = request.args.get("after", 0, int)
    return json_response({"messages": services.models.messages_after(after)})


def rules() -> RuleFactory:
    """Return new rules: a rule belongs to one map."""
    return Submount(
        "/api",
        [
            Rule("/users", endpoint=create_user, methods=["POST"]),
            Rule("/tokens", endpoint=create_token, methods=["POST"]),
            Rule("/messages", endpoint=create_message, methods=["POST"]),
            Rule("/messages", endpoint=list_messages, methods=["GET"]),
        ],
    )

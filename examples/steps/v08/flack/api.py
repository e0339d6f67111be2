"""The API: its own rules, under a prefix that only `Submount` names."""

from werkzeug import Request, Response
from werkzeug.exceptions import BadRequest
from werkzeug.routing import Rule, Submount

from . import models
from .auth import user_by_password, user_by_token
from .utils import json_response, text_of


def create_user(request: Request) -> Response:
    nickname = text_of(request, "nickname")
    if not models.add_user(nickname, text_of(request, "password")):
        raise BadRequest("the nickname is taken")
    return json_response({"nickname": nickname}, 201)


def create_token(request: Request) -> Response:
    return json_response({"token": models.new_token(user_by_password(request))}, 201)


def create_message(request: Request) -> Response:
    nickname = user_by_token(request)
    return json_response(models.add_message(nickname, text_of(request, "source")), 201)


def list_messages(request: Request) -> Response:
    after = request.args.get("after", 0, int)
    return json_response({"messages": models.messages_after(after)})


API = Submount(
    "/api",
    [
        Rule("/users", endpoint=create_user, methods=["POST"]),
        Rule("/tokens", endpoint=create_token, methods=["POST"]),
        Rule("/messages", endpoint=create_message, methods=["POST"]),
        Rule("/messages", endpoint=list_messages, methods=["GET"]),
    ],
)

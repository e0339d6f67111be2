"""Flack 0.5: auth.py authenticates."""

import time

from werkzeug import Request, Response
from werkzeug.exceptions import BadRequest
from werkzeug.routing import Map, Rule

from . import models
from .auth import user_by_password, user_by_token
from .utils import json_response, text_of

arrivals: list[float] = []


def index(_request: Request) -> Response:
    lines = [f"{message['nickname']}: {message['html']}" for message in models.messages_after(0)]
    return Response("".join(lines))


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


def stats(_request: Request) -> Response:
    recent = sum(arrival > time.time() - 15 for arrival in arrivals)
    return json_response({"requests_per_second": recent / 15})


RULES = [
    Rule("/", endpoint=index, methods=["GET"]),
    Rule("/api/users", endpoint=create_user, methods=["POST"]),
    Rule("/api/tokens", endpoint=create_token, methods=["POST"]),
    Rule("/api/messages", endpoint=create_message, methods=["POST"]),
    Rule("/api/messages", endpoint=list_messages, methods=["GET"]),
    Rule("/stats", endpoint=stats, methods=["GET"]),
]
URLS = Map(RULES)


@Request.application
def application(request: Request) -> Response:
    arrivals.append(time.time())
    view, _ = URLS.bind_to_environ(request).match()
    response: Response = view(request)
    return response

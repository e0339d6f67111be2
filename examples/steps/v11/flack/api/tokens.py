"""Tokens, for a nickname and its password."""

from werkzeug import Request, Response
from werkzeug.routing import Rule

from ..auth import user_by_password
from ..services import Services
from ..utils import json_response


def create_token(services: Services, request: Request) -> Response:
    token = services.models.new_token(user_by_password(services, request))
    return json_response({"token": token}, 201)


def rules() -> list[Rule]:
    return [Rule("/tokens", endpoint=create_token, methods=["POST"])]

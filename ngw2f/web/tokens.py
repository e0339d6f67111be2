"""API tokens: one more for each POST, revoked by the DELETE that bears it."""

import msgspec
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from ngw2f.http import Request, Response, json_response, no_content
from ngw2f.store import tokens
from ngw2f.web import accounts, auth
from ngw2f.web.services import Services


class Token(msgspec.Struct):
    token: str


def create(services: Services, request: Request) -> Response:
    """Answer with a token for a nickname and its password, sent as Basic (RFC 7617)."""
    credentials = request.authorization
    user_id = None
    if credentials is not None and credentials.type == "basic":
        user_id = accounts.check_password(
            services, request, credentials.username or "", credentials.password or ""
        )
    if user_id is None:
        raise Unauthorized(
            "wrong nickname or password",
            www_authenticate=WWWAuthenticate("basic", {"realm": auth.REALM, "charset": "UTF-8"}),
        )
    services.limits.take("token", user_id)
    with services.database.writing() as connection:
        token = tokens.create_token(connection, user_id, services.settings.token_days)
    response = json_response(Token(token))
    response.headers["Cache-Control"] = "no-store"
    return response


def revoke(services: Services, request: Request) -> Response:
    auth.require_user(services, request)
    auth.end_session(services, auth.token_of(request) or "")
    return no_content()

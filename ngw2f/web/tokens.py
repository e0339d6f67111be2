"""API tokens: POST makes one, and DELETE revokes the one that the request bears."""

import msgspec
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from ngw2f.http import Request, Response, json_response, no_content
from ngw2f.web import auth
from ngw2f.web.devices import client_of
from ngw2f.web.errors import REALM
from ngw2f.web.services import Services


class BasicChallenge(WWWAuthenticate):
    """Ask for Basic authentication in UTF-8 (RFC 7617 section 2.1)."""

    def __init__(self) -> None:
        super().__init__("basic", {"realm": REALM, "charset": "UTF-8"})

    def to_header(self) -> str:
        # Quoted, as the RFC requires; Werkzeug quotes only what is not a token.
        return "Basic " + ", ".join(f'{name}="{value}"' for name, value in self.parameters.items())


class Token(msgspec.Struct):
    token: str


def create(services: Services, request: Request) -> Response:
    """Answer with a token for a nickname and its password, sent as Basic (RFC 7617)."""
    actions, sent = services.actions, request.authorization
    credentials = None
    if sent is not None and sent.type == "basic":
        credentials = actions.sign_in.check_password(
            client_of(request), sent.username or "", sent.password or ""
        )
    if credentials is None:
        raise Unauthorized("wrong nickname or password", www_authenticate=BasicChallenge())
    response = json_response(Token(actions.sessions.create_token(credentials)))
    response.headers["Cache-Control"] = "no-store"
    return response


def revoke(services: Services, request: Request) -> Response:
    auth.require_user(services, request)
    services.actions.sessions.end(auth.token_of(request) or "")
    return no_content()

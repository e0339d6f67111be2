"""API tokens and sessions of an account: make one, list them, revoke one or several."""

from typing import Annotated

import msgspec
from msgspec import Meta
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from ngw2f.actions.sessions import MAX_TOKEN_NAME_CHARACTERS
from ngw2f.api_resources import TokenInfo
from ngw2f.http import Request, Response, json_response, no_content
from ngw2f.store.users import Credentials
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


class NewToken(msgspec.Struct):
    # What its user calls it, in lists.
    name: Annotated[str, Meta(max_length=MAX_TOKEN_NAME_CHARACTERS)] = ""


class Token(msgspec.Struct):
    token: str


class Tokens(msgspec.Struct):
    tokens: list[TokenInfo]


def create(services: Services, request: Request) -> Response:
    """Answer with a token for a nickname and its password, sent as Basic (RFC 7617)."""
    # Few programs name their tokens; the others send nothing.
    name = request.optional_json_body(NewToken).name
    credentials = check_basic(services, request)
    user_agent = request.headers.get("User-Agent", "")
    sessions = services.actions.sessions
    token = sessions.create_token(credentials, name=name, user_agent=user_agent)
    response = json_response(Token(token))
    response.headers["Cache-Control"] = "no-store"
    return response


def check_basic(services: Services, request: Request) -> Credentials:
    """Return whose nickname and password are sent. Raises 401, TooMany, Unavailable."""
    sent, credentials = request.authorization, None
    if sent is not None and sent.type == "basic":
        credentials = services.actions.sign_in.check_password(
            client_of(request), sent.username or "", sent.password or ""
        )
    if credentials is None:
        raise Unauthorized("wrong nickname or password", www_authenticate=BasicChallenge())
    return credentials


def revoke(services: Services, request: Request) -> Response:
    auth.require_user(services, request)
    services.actions.sessions.end(auth.token_of(request) or "")
    return no_content()


def index(services: Services, request: Request) -> Response:
    user = auth.require_user(services, request)
    response = json_response(Tokens(services.actions.sessions.list_all(user)))
    response.headers["Cache-Control"] = "private, no-store"
    return response


def revoke_one(services: Services, request: Request, token_id: int) -> Response:
    user = auth.require_user(services, request)
    services.actions.sessions.revoke(user, token_id)
    return no_content()


def end_other_sessions(services: Services, request: Request) -> Response:
    user = auth.require_user(services, request)
    services.actions.sessions.end_others(user)
    return no_content()

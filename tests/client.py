"""A WebTest client that speaks the chat's language."""

from base64 import b64encode
from functools import cache
from typing import Any
from wsgiref.types import WSGIApplication

from argon2 import PasswordHasher
from webtest import TestApp
from webtest.response import TestResponse

from ngw2f.server.service import Service
from ngw2f.store import tokens, users
from ngw2f.text.lookalikes import shapes_of
from ngw2f.text.names import name_key
from tests.cheap_hashes import CHEAP

PASSWORD = "open sesame"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Client(TestApp):  # type: ignore[misc]  # WebTest has no types.
    """Statuses are asserted by the tests: none is an error by itself."""

    # It is no collection of tests.
    __test__ = False

    def __init__(self, app: WSGIApplication, service: Service | None = None) -> None:
        """A client with the *service* that *app* is about has users join without requests."""
        super().__init__(app)
        self._service = service

    def do_request(self, request: Any, status: Any = None, expect_errors: Any = None) -> Any:
        return super().do_request(request, status or "*", expect_errors)

    def register(self, nickname: str, password: str = PASSWORD) -> int:
        """Return the id of a new user."""
        body = {"nickname": nickname, "password": password}
        return int(self.post_json("/api/users", body, status=201).json["id"])

    def token(self, nickname: str, password: str = PASSWORD) -> str:
        response = self.ask_token(nickname, password)
        assert response.status_int == 200, response.text
        return str(response.json["token"])

    def ask_token(self, nickname: str, password: str) -> TestResponse:
        headers = {"Authorization": basic(nickname, password)}
        return self.post("/api/tokens", headers=headers)

    def join(self, nickname: str) -> dict[str, str]:
        """Register a user and return the headers that prove to be that user."""
        if self._service:
            return {"Authorization": f"Bearer {store_user(self._service, nickname)}"}
        self.register(nickname)
        return {"Authorization": f"Bearer {self.token(nickname)}"}

    def say(self, headers: dict[str, str], source: str, path: str = "/api/messages") -> Any:
        """Post a message and return it."""
        return self.post_json(path, {"source": source}, headers=headers, status=201).json

    def sources(self, path: str = "/api/messages", **arguments: Any) -> list[str]:
        answer = self.get(path, **arguments, status=200).json
        return [message["source"] for message in answer["messages"]]

    def sign_in(self, nickname: str, password: str = PASSWORD, **fields: str) -> TestResponse:
        """Send the page's form; the client keeps the session's cookie."""
        values = {"nickname": nickname, "password": password, **fields}
        return self.post("/login", values, headers=BROWSER)


def store_user(service: Service, nickname: str) -> str:
    """Store a user, and tell of it, as a registration does; return a new token.

    It takes a third of the time of two requests, and most tests begin with it.
    """
    core = service.services.core
    with core.database.writing() as connection:
        row = users.create_user(
            connection, nickname, name_key(nickname), password_hash(), shapes_of(nickname)
        )
        run = core.events.record(connection, "user.updated", row.as_resource(online=False))
    with core.database.writing() as connection:
        token = tokens.create_token(connection, row.id, core.settings.token_days)
    core.events.publish(run)
    return token


@cache
def password_hash() -> str:
    return PasswordHasher.from_parameters(CHEAP).hash(PASSWORD)


def basic(nickname: str, password: str) -> str:
    """Return what Authorization is for Basic authentication (RFC 7617 section 2)."""
    return "Basic " + b64encode(f"{nickname}:{password}".encode()).decode()

"""Every write has a limit, and it is one for an account, however the write comes."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ngw2f.actions.all import build_actions
from ngw2f.broker.limits import RULES, Limits
from ngw2f.chat import Chat
from ngw2f.http import Request
from ngw2f.live.formats import WebSocketFrames
from ngw2f.routes import build_url_map
from ngw2f.server.service import Service
from ngw2f.settings import Settings
from ngw2f.store import users
from ngw2f.store.users import UserRow
from ngw2f.web.services import Services
from ngw2f.web.socketio import ChatApp, SocketIOGateway
from ngw2f.web.websocket import Conversation
from tests.client import PASSWORD, Client, basic
from tests.ngw2f.web.set_once import Setting

NOT_ASKED: Any = None
ADDRESS = "127.0.0.1"
WRITES = {"POST", "PUT", "DELETE", "PATCH"}

# Every write that there is over HTTP, and the rule that counts it. "sign-in" is in the chain.
ABOUT_ROOMS = {
    "details": "room", "archive": "room", "members": "membership",
    "members/remove": "membership", "leave": "membership",
}  # fmt: skip
RULE_OF = {
    **{
        f"POST /rooms/<name>{room}/{page}": rule
        for room in ("", "/<id:room_id>")
        for page, rule in ABOUT_ROOMS.items()
    },
    "PUT /api/rooms/<id:room_id>": "room",
    "POST /direct": "room",
    "POST /admin/registration": "administer",
    "POST /admin/invitations": "administer",
    "POST /admin/invitations/<id:invitation_id>": "administer",
    "POST /admin/accounts/<id:user_id>": "administer",
    "PUT /api/registration": "administer",
    "POST /api/invitations": "administer",
    "DELETE /api/invitations/<id:invitation_id>": "administer",
    "PUT /api/users/<id:user_id>/suspension": "administer",
    "DELETE /api/users/<id:user_id>/suspension": "administer",
    "PUT /api/users/<id:user_id>/administrator": "administer",
    "DELETE /api/users/<id:user_id>/administrator": "administer",
    "POST /api/direct": "room",
    "POST /direct/<id:room_id>": "post",
    "POST /direct/<id:room_id>/read": "read",
    "POST /direct/<id:room_id>/mute": "read",
    "POST /login": "token",
    "POST /logout": "revoke",
    "POST /account": "account",
    "POST /account/nickname": "account",
    "POST /account/theme": "account",
    "POST /account/language": "account",
    "POST /account/tokens": "token",
    "POST /account/tokens/<id:token_id>": "revoke",
    "POST /account/sessions": "revoke",
    "POST /account/delete": "account",
    "DELETE /api/users/<id:user_id>": "account",
    "POST /rooms": "room",
    "POST /rooms/<name>": "post",
    "POST /rooms/<name>/<id:room_id>": "post",
    "POST /rooms/<name>/mute": "read",
    "POST /rooms/<name>/<id:room_id>/mute": "read",
    "PUT /api/rooms/<id:room_id>/mute": "read",
    "DELETE /api/rooms/<id:room_id>/mute": "read",
    "POST /rooms/<name>/read": "read",
    "POST /rooms/<name>/<id:room_id>/read": "read",
    "POST /messages/<id:message_id>/unread": "read",
    "POST /messages/<id:message_id>/edit": "edit",
    "POST /messages/<id:message_id>/delete": "delete",
    "POST /messages/<id:message_id>/restore": "delete",
    "POST /messages/<id:message_id>/reactions": "react",
    "POST /api/users": "register",
    "PUT /api/users/<id:user_id>": "account",
    "POST /api/tokens": "token",
    "DELETE /api/tokens": "revoke",
    "DELETE /api/tokens/<id:token_id>": "revoke",
    "DELETE /api/sessions": "revoke",
    "POST /api/tickets": "ticket",
    "POST /api/rooms": "room",
    "POST /api/rooms/<id:room_id>/messages": "post",
    "PUT /api/rooms/<id:room_id>/read": "read",
    "PUT /api/rooms/<id:room_id>/unread": "read",
    "POST /api/rooms/<id:room_id>/typing": "typing",
    "PUT /api/rooms/<id:room_id>/members/<id:user_id>": "membership",
    "DELETE /api/rooms/<id:room_id>/members/<id:user_id>": "membership",
    "POST /api/messages": "post",
    "PUT /api/messages/<id:message_id>": "edit",
    "DELETE /api/messages/<id:message_id>": "delete",
    "POST /api/messages/<id:message_id>/restore": "delete",
    "POST /api/rooms/<id:room_id>/files": "upload",
    "POST /rooms/<name>/files": "upload",
    "POST /rooms/<name>/<id:room_id>/files": "upload",
    "POST /direct/<id:room_id>/files": "upload",
    "PUT /api/messages/<id:message_id>/reactions/<emoji>": "react",
    "DELETE /api/messages/<id:message_id>/reactions/<emoji>": "react",
}
# They take no token.
BY_PASSWORD = {"POST /api/tokens", "DELETE /api/users/<id:user_id>"}
# They only carry events, which are counted by themselves.
TRANSPORTS = {"POST /socket.io/"}


@pytest.fixture
def setting(client: Client, settings: Settings, set_once: Setting) -> dict[str, str]:
    """Let Ann have a private room (2), a message (1), and Bob (2) to invite; without limits.

    With Ida (3), who administers as she does, she talks directly (room 3). An invitation is 1.
    """
    return set_once.make(settings, lambda: make_setting(client))


def make_setting(client: Client) -> dict[str, str]:
    ann = client.join("ann")
    client.register("bob")
    room = {"name": "den", "private": True}
    client.post_json("/api/rooms", room, headers=ann, status=201)
    client.say(ann, "hello")
    client.register("ida")
    client.post_json("/api/direct", {"user_ids": [3]}, headers=ann, status=201)
    client.put("/api/users/3/administrator", headers=ann, status=204)
    client.post_json("/api/invitations", {}, headers=ann, status=201)
    return ann


@pytest.fixture
def limited(service: Service, setting: dict[str, str]) -> Callable[[str], tuple[Services, Client]]:
    """Give a function that lets nobody do what a rule counts: it takes the only one."""

    def build(name: str) -> tuple[Services, Client]:
        services = service.services
        rules = [rule._replace(limit="1/hour") for rule in RULES if rule.name == name]
        rest = [rule for rule in RULES if rule.name != name]
        limits = Limits(services.core.broker, [*rules, *rest])
        limits.take(name, ADDRESS if name == "register" else 1)  # type: ignore[arg-type]
        actions = build_actions(services.core, limits, services.attendance)
        services = replace(services, actions=actions)
        return services, _client(services)

    return build


def _client(services: Services) -> Client:
    client = Client(Chat(services))
    client.extra_environ["REMOTE_ADDR"] = ADDRESS
    return client


def _write(client: Client, write: str, ann: dict[str, str]) -> Any:
    """Do a write of the table as Ann, or as whoever signs in or registers."""
    method, _, path = write.partition(" ")
    user_id = "1" if path == "/api/users/<id:user_id>" else "2"
    path = path.replace("<emoji>", "%F0%9F%91%8D")
    path = path.replace("/direct/<id:room_id>", "/direct/3")
    path = path.replace("<id:room_id>", "2").replace("<id:message_id>", "1")
    path = (
        re.sub("<id:(token|invitation)_id>", "1", path)
        .replace("<id:user_id>", user_id)
        .replace("<name>", "den")
    )
    if path.endswith("/restore"):
        client.delete("/api/messages/1", headers=ann)
    if path.startswith("/api/"):
        headers = {"Authorization": basic("ann", PASSWORD)} if write in BY_PASSWORD else ann
        body = {"source": "x", "name": "tea", "nickname": "eve", "password": PASSWORD,
                "current_password": PASSWORD, "message_id": 1, "user_ids": [2],
                "mode": "closed"}  # fmt: skip
        content = json.dumps(body).encode()
        return client.request(
            path, method=method, headers=headers, body=content, content_type="application/json"
        )
    session = {"Cookie": f"session={ann['Authorization'].removeprefix('Bearer ')}"}
    nickname = {"/login": "ann", "/account/nickname": "eve"}.get(path, "bob")
    new = "open barley"
    passwords = {"current_password": PASSWORD, "new_password": new, "new_password_again": new}
    form = {"source": "x", "name": "tea", "nickname": nickname, "password": PASSWORD,
            "message_id": "1", "user_id": "2", "emoji": "\N{THUMBS UP SIGN}",
            "nicknames": "bob", "theme": "dark", "language": "de", "mode": "closed",
            "do": "suspend", **passwords}  # fmt: skip
    files = [("file", "a.txt", b"a")] if path.endswith("/files") else None
    return client.post(path, form, headers=session, upload_files=files)


def test_every_write_has_a_rule(service: Service) -> None:
    routes = build_url_map(SocketIOGateway(service.services)).iter_rules()
    writes = {
        f"{method} {rule.rule}" for rule in routes for method in (rule.methods or set()) & WRITES
    }
    assert writes - TRANSPORTS == set(RULE_OF)


@pytest.mark.parametrize("write", RULE_OF)
def test_write_is_refused(limited: Any, setting: dict[str, str], write: str) -> None:
    _, client = limited(RULE_OF[write])
    answer = _write(client, write, setting)
    assert answer.status_int == 429, answer.text
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["RateLimit-Policy"] == f'"{RULE_OF[write]}";q=1;w=3600'


@pytest.mark.parametrize("write", RULE_OF)
def test_write_is_done_that_no_limit_refuses(
    service: Service, setting: dict[str, str], write: str
) -> None:
    answer = _write(_client(service.services), write, setting)
    assert answer.status_int in (200, 201, 204, 303), answer.text


def test_refusal_is_a_problem_of_its_type(limited: Any, setting: dict[str, str]) -> None:
    _, client = limited("post")
    problem = client.post_json("/api/messages", {"source": "x"}, headers=setting).json
    assert problem["type"].endswith("#quota-exceeded")
    assert problem["violated-policies"] == ["post"]
    assert problem["status"] == 429


def test_tokens_of_an_account_have_one_count(limited: Any, setting: dict[str, str]) -> None:
    _, client = limited("post")
    other = {"Authorization": f"Bearer {client.token('ann')}"}
    for headers in (setting, other):
        assert client.post_json("/api/messages", {"source": "x"}, headers=headers).status_int == 429
    bob = {"Authorization": f"Bearer {client.token('bob')}"}
    assert client.post_json("/api/messages", {"source": "x"}, headers=bob).status_int == 201


def test_page_registers_by_the_count_of_registrations(limited: Any) -> None:
    _, client = limited("register")
    assert client.sign_in("eve").status_int == 429
    assert client.sign_in("ann").status_int == 303


def test_unknown_session_is_no_reason_to_write(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ngw2f.store.database.Database.writing", None)
    answer = client.post("/logout", headers={"Cookie": "session=unknown"})
    assert answer.status_int == 303


def _user(services: Services) -> UserRow:
    with services.core.database.reading() as connection:
        user = users.find_user(connection, 1)
    assert user
    return user


@pytest.mark.parametrize("said", ["post", "typing"])
def test_over_websocket(limited: Any, said: str) -> None:
    services, client = limited(said)
    user = services.actions.sessions.find_user(client.token("ann"))
    assert user
    subscription = services.hub.subscribe(WebSocketFrames(), user.id)
    conversation = Conversation(services, user, subscription, NOT_ASKED, NOT_ASKED)
    conversation._receive(json.dumps({"type": said, "room_id": 1, "source": "x", "client_id": 7}))
    (frame,) = subscription._chunks
    answer = json.loads(frame[frame.index(b"{") :])
    assert answer["event"] == "error"
    assert (answer["data"]["status"], answer["data"]["client_id"]) == (429, 7)


@pytest.mark.parametrize("said", ["post", "typing"])
def test_over_socketio(limited: Any, said: str) -> None:
    services, client = limited(said)
    app = ChatApp(services)
    state = app.connect("/", {"token": client.token("ann")}, Request({"QUERY_STRING": ""})).state
    event = ["post_message" if said == "post" else "typing", {"source": "x"}]
    (answer,) = app.receive("/", state, event, "", is_asked=True).values
    assert answer["status"] == 429
    assert answer["error"].startswith("too many")

"""Whoever signed out posts no more, even where the news of it has not come to the connection."""

import json
from typing import Any

import pytest

from ngw2f.http import Request
from ngw2f.live.formats import WebSocketFrames
from ngw2f.server.service import Service
from ngw2f.web.socketio import ChatApp
from ngw2f.web.websocket import Conversation
from tests.client import Client

NOT_ASKED: Any = None


@pytest.mark.parametrize("said", ["post", "typing"])
def test_over_websocket(service: Service, client: Client, said: str) -> None:
    services, token = service.services, _token(client)
    user = services.actions.sessions.find_user(token)
    assert user
    subscription = services.hub.subscribe(WebSocketFrames(), user.id)
    conversation = Conversation(services, user, subscription, NOT_ASKED, NOT_ASKED)
    services.actions.sessions.end(token)
    conversation._receive(json.dumps({"type": said, "room_id": 1, "source": "x"}))
    (frame,) = subscription._chunks
    answer = json.loads(frame[frame.index(b"{") :])
    assert (answer["event"], answer["data"]["status"]) == ("error", 401)
    subscription.close()


@pytest.mark.parametrize("said", ["post", "typing"])
def test_over_socketio(service: Service, client: Client, said: str) -> None:
    services, token = service.services, _token(client)
    app = ChatApp(services)
    state = app.connect("/", {"token": token}, Request({"QUERY_STRING": ""})).state
    services.actions.sessions.end(token)
    event = ["post_message" if said == "post" else "typing", {"source": "x"}]
    reply = app.receive("/", state, event, "", is_asked=True)
    assert reply.values[0]["status"] == 401
    assert reply.events == (["expired_token"],)


def test_over_socketio_for_who_only_listens(service: Service, client: Client) -> None:
    services, token = service.services, _token(client)
    app = ChatApp(services)
    welcome = app.connect("/", {"token": token}, Request({"QUERY_STRING": ""}))
    services.actions.sessions.end(token)
    assert app.stream(welcome.state, welcome.cursor, as_frames=False) is None


def _token(client: Client) -> str:
    client.register("ann")
    return str(client.token("ann"))

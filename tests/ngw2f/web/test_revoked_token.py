"""Whoever signed out posts no more, even where the news of it has not come to the connection."""

import json
from typing import Any

import pytest

from ngw2f.live.formats import WebSocketFrames
from ngw2f.server.service import Service
from ngw2f.web.socketio import SocketIOGateway
from ngw2f.web.websocket import Conversation
from tests.client import Client

NOT_ASKED: Any = None


@pytest.mark.parametrize("said", ["post", "typing"])
def test_over_websocket(service: Service, client: Client, said: str) -> None:
    services, token = service.services, _token(client)
    user = services.actions.sessions.find_user(token)
    assert user
    subscription = services.hub.subscribe(WebSocketFrames(), user.id)
    conversation = Conversation(services, user, token, subscription, NOT_ASKED, NOT_ASKED)
    services.actions.sessions.end(token)
    conversation._receive(json.dumps({"type": said, "room_id": 1, "source": "x"}))
    (frame,) = subscription._chunks
    answer = json.loads(frame[frame.index(b"{") :])
    assert (answer["event"], answer["data"]["status"]) == ("error", 401)
    subscription.close()


@pytest.mark.parametrize("said", ["post", "typing"])
def test_over_socketio(
    service: Service, client: Client, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, token = service.services, _token(client)
    gateway = SocketIOGateway(services)
    gateway._tokens["sid"] = token
    monkeypatch.setattr(gateway._server, "emit", lambda *_arguments, **_options: None)
    services.actions.sessions.end(token)
    do = gateway._post_message if said == "post" else gateway._type_in
    assert do("sid", {"source": "x"})["status"] == 401


def _token(client: Client) -> str:
    client.register("ann")
    return str(client.token("ann"))

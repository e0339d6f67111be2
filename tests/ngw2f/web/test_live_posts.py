"""Posts over connections that stay are limited like those that are requests."""

import json
from dataclasses import replace
from typing import Any

import pytest
from werkzeug.exceptions import TooManyRequests

from ngw2f.limits import PostLimit
from ngw2f.live.forms import WebSocketFrames
from ngw2f.service import Service
from ngw2f.web import auth
from ngw2f.web.services import Services
from ngw2f.web.socketio import SocketIOGateway
from ngw2f.web.websocket import Conversation

NOT_ASKED: Any = None


@pytest.fixture
def services(service: Service) -> Services:
    """Let everybody post once."""
    services = service.services
    return replace(services, post_limit=PostLimit(services.broker, "1/minute"))


def test_over_websocket(services: Services) -> None:
    ann = auth.register(services, "ann", "secret")
    subscription = services.hub.subscribe(WebSocketFrames(), ann.id)
    conversation = Conversation(services, ann, subscription, NOT_ASKED, NOT_ASKED)
    for _ in range(2):
        conversation._hear('{"type": "post", "room_id": 1, "source": "hello", "client_id": 7}')
    answers = [json.loads(frame[frame.index(b"{") :]) for frame in subscription._chunks]
    assert [answer["event"] for answer in answers] == ["posted", "error"]
    assert (answers[1]["data"]["status"], answers[1]["data"]["client_id"]) == (429, 7)


def test_over_socketio(services: Services) -> None:
    ann = auth.register(services, "ann", "secret")
    gateway = SocketIOGateway(services)
    assert gateway._post(ann, {"source": "hello"})["source"] == "hello"
    with pytest.raises(TooManyRequests):
        gateway._post(ann, {"source": "hello"})

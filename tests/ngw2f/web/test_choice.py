"""The choice of what to hear, over every transport that a request opens."""

import pytest
from werkzeug.test import create_environ

from ngw2f.errors import NotFound
from ngw2f.http import Request
from ngw2f.live.choice import Choice
from ngw2f.server.service import Service
from ngw2f.web.choice import choice_of
from tests.client import Client

HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}
STREAMS = [
    ("/events", {"Accept": "text/event-stream"}),
    ("/events", {"Accept": "application/x-ndjson"}),
    ("/events", {"Accept": "text/plain"}),
    ("/api/events", {}),
    ("/ws", HANDSHAKE),
]
transports = pytest.mark.parametrize(
    ("path", "headers"), STREAMS, ids=["sse", "ndjson", "text", "poll", "websocket"]
)


@pytest.fixture
def secret(client: Client) -> int:
    """Return a private room of ann's."""
    ann = client.join("ann")
    room = {"name": "secret", "private": True}
    return int(client.post_json("/api/rooms", room, headers=ann, status=201).json["id"])


def refused(
    client: Client, path: str, headers: dict[str, str], query: str, service: Service
) -> tuple[int, str]:
    environ = {"gunicorn.socket": object(), "SERVER_PROTOCOL": "HTTP/1.1"}
    fields = {**headers, "Accept": "application/json"} if path != "/events" else headers
    answer = client.get(f"{path}?{query}", headers=fields, extra_environ=environ)
    # Nothing has begun.
    assert service.services.hub.subscriptions() == []
    return answer.status_int, answer.text


@transports
@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("rooms=x", "rooms must be a list of ids"),
        ("rooms=1&rooms=2", "rooms is given more than once"),
        ("events=message.mad", "events must be a list of names"),
        ("rooms=1&events=", "events must be a list of names"),
    ],
)
def test_what_cannot_be_chosen_is_refused(
    client: Client, service: Service, path: str, headers: dict[str, str], query: str, why: str
) -> None:
    status, text = refused(client, path, headers, query, service)
    assert (status, why in text) == (400, True)


@transports
@pytest.mark.parametrize("query", ["rooms={}", "rooms=1,{}&events=typing", "rooms=99"])
def test_room_that_one_may_not_read_is_not_found(
    client: Client, service: Service, secret: int, path: str, headers: dict[str, str], query: str
) -> None:
    status, text = refused(client, path, headers, query.format(secret), service)
    assert (status, "there is no such room" in text) == (404, True)


def test_member_may_choose_a_private_room(client: Client, service: Service, secret: int) -> None:
    token = client.token("ann")
    services, request = service.services, Request(create_environ(f"/?rooms=1,{secret}"))
    ann = services.actions.sessions.find_user(token)
    assert choice_of(services, request, ann) == Choice(frozenset({1, secret}))
    with pytest.raises(NotFound):
        choice_of(services, request, None)


def test_poll_hears_what_is_chosen(client: Client) -> None:
    ann = client.join("ann")
    room = client.post_json("/api/rooms", {"name": "other"}, headers=ann, status=201).json
    client.say(ann, "here")
    client.say(ann, "there", f"/api/rooms/{room['id']}/messages")
    everything = client.get("/api/events?after=0&wait=0", status=200).json
    chosen = client.get("/api/events?after=0&wait=0&rooms=1&events=message.*", status=200).json
    assert [event["data"]["source"] for event in chosen["events"]] == ["here"]
    # It passes over the rest.
    assert chosen["next"] == everything["next"]
    path = f"/api/events?after={chosen['next']}&wait=0&rooms=1&events=message.*"
    assert client.get(path, status=200).json == {"events": [], "next": chosen["next"]}


def test_head_of_a_stream_is_that_of_get(client: Client) -> None:
    assert client.head("/events?rooms=1&events=message.*").status_int == 200
    assert client.head("/events?rooms=99").status_int == 404

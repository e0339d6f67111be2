"""SSE, JSON lines, text and long polling, against a running server."""

import json
import threading
import time

import pytest

from ngw2f.live.typing import THROTTLE_MILLISECONDS
from tests.live.server import ChatServer
from tests.live.streams import Stream, lines, sse
from tests.waiting import wait_until

RENDERS = True
# The first rendering waits for the worker to boot, on a machine that others use too.
RENDER_SECONDS = 60


@pytest.fixture(scope="module")
def ann(chat: ChatServer) -> str:
    return present(chat, "ann")


@pytest.fixture(scope="module")
def bob(chat: ChatServer) -> str:
    return present(chat, "bob")


def present(chat: ChatServer, nickname: str) -> str:
    """Return the token of a user, who is said to be online."""
    token = chat.token_of(nickname)
    chat.call("GET", "/api/rooms", token)
    return token


def post(chat: ChatServer, token: str, source: str, room_id: int = 1) -> int:
    """Return the id of a new message, when it is rendered and told of."""
    cursor = chat.call("GET", "/api/events", token).json()["next"]
    path = f"/api/rooms/{room_id}/messages"
    message_id: int = chat.call("POST", path, token, json={"source": source}).json()["id"]

    def is_told() -> bool:
        nonlocal cursor
        answer = chat.call("GET", f"/api/events?after={cursor}&wait=20", token).json()
        cursor = answer["next"]
        told = [(each["event"], each["data"].get("id")) for each in answer["events"]]
        return ("message.updated", message_id) in told

    wait_until(is_told, RENDER_SECONDS)
    return message_id


def test_sse_headers(chat: ChatServer) -> None:
    with sse(chat) as stream:
        headers = stream.response.headers
        assert stream.response.status == 200
        assert headers["Content-Type"].startswith("text/event-stream")
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Accel-Buffering"] == "no"


def test_sse_is_id_event_data(chat: ChatServer, ann: str) -> None:
    with sse(chat) as stream:
        stream.block()
        post(chat, ann, "hello")
        assert [line.split(": ")[0] for line in stream.block()] == ["id", "event", "data"]


def test_sse_data_is_what_the_api_gives(chat: ChatServer, ann: str) -> None:
    with sse(chat) as stream:
        message_id = post(chat, ann, "*hello*")
        data = stream.event("message.updated")
    assert data == chat.call("GET", f"/api/messages/{message_id}").json()


def test_sse_resumes_after_the_last_id(chat: ChatServer, ann: str) -> None:
    cursor = chat.call("GET", "/api/events").json()["next"]
    ids = [post(chat, ann, str(number)) for number in range(3)]
    with sse(chat, Last_Event_ID=cursor) as stream:
        assert [stream.event()["id"] for _ in ids] == ids


def test_sse_with_an_unknown_id_is_told_to_resync(chat: ChatServer) -> None:
    with sse(chat, Last_Event_ID="9999999999999-0") as stream:
        assert stream.event("resync") == {}


def test_json_lines(chat: ChatServer, ann: str) -> None:
    with lines(chat, "application/x-ndjson") as stream:
        message_id = post(chat, ann, "hello")
        event = json.loads(stream.line())
        assert sorted(event) == ["data", "event", "id"]
        assert (event["event"], event["data"]["id"]) == ("message.created", message_id)


def test_text_is_for_people(chat: ChatServer, ann: str) -> None:
    with lines(chat, "text/plain") as stream:
        post(chat, ann, "hello\nworld")
        assert stream.line().endswith(" lobby] ann: hello\n")
        assert stream.line() == "    world\n"


def test_head_does_not_wait(chat: ChatServer) -> None:
    assert chat.call("HEAD", "/events").status_code == 200


def test_what_there_is_not_is_refused(chat: ChatServer) -> None:
    assert chat.call("GET", "/events", headers={"Accept": "image/png"}).status_code == 406


def test_bad_token_is_refused(chat: ChatServer) -> None:
    assert chat.call("GET", "/events", "nonsense").status_code == 401


def test_long_poll_says_where_to_begin(chat: ChatServer) -> None:
    answer = chat.call("GET", "/api/events").json()
    assert answer["events"] == []
    assert chat.call("GET", f"/api/events?after={answer['next']}&wait=0").json() == answer


def test_long_poll_waits_for_an_event(chat: ChatServer, ann: str) -> None:
    cursor = chat.call("GET", "/api/events").json()["next"]
    posting = threading.Timer(0.3, post, [chat, ann, "hello"])
    posting.start()
    start = time.monotonic()
    answer = chat.call("GET", f"/api/events?after={cursor}&wait=50").json()
    seconds = time.monotonic() - start
    posting.join()
    assert seconds < 50
    assert answer["events"][0]["data"]["source"] == "hello"
    assert answer["next"] == answer["events"][-1]["id"]


def test_long_poll_is_empty_after_the_wait(chat: ChatServer, ann: str) -> None:
    post(chat, ann, "hello")
    cursor = chat.call("GET", "/api/events").json()["next"]
    start = time.monotonic()
    answer = chat.call("GET", f"/api/events?after={cursor}&wait=1").json()
    assert time.monotonic() - start > 0.9
    assert answer == {"events": [], "next": cursor}


def test_every_transport_gives_the_same_ids(chat: ChatServer, ann: str) -> None:
    cursor = chat.call("GET", "/api/events").json()["next"]
    post(chat, ann, "hello")
    polled = chat.call("GET", f"/api/events?after={cursor}").json()["events"][0]["id"]
    with sse(chat, Last_Event_ID=cursor) as stream:
        stream.block()
        assert stream.block()[0] == f"id: {polled}"
    with lines(chat, "application/x-ndjson", f"?after={cursor}") as stream:
        assert json.loads(stream.line())["id"] == polled


def test_private_room_reaches_members_only(chat: ChatServer, ann: str, bob: str) -> None:
    room = chat.call("POST", "/api/rooms", ann, json={"name": "den", "private": True}).json()
    with sse(chat, ann) as member, sse(chat, bob) as other:
        post(chat, ann, "secret", room["id"])
        post(chat, ann, "public")
        assert member.event()["source"] == "secret"
        assert other.event()["source"] == "public"


def test_access_is_lost_while_connected(chat: ChatServer, ann: str, bob: str) -> None:
    room = chat.call("POST", "/api/rooms", ann, json={"name": "attic", "private": True}).json()
    path = f"/api/rooms/{room['id']}/members/2"
    with sse(chat, bob) as stream:
        assert chat.call("PUT", path, ann).status_code == 204
        post(chat, ann, "welcome", room["id"])
        assert stream.event()["source"] == "welcome"
        assert chat.call("DELETE", path, ann).status_code == 204
        post(chat, ann, "secret", room["id"])
        post(chat, ann, "public")
        assert stream.event()["source"] == "public"


def test_revoked_token_ends_its_stream(chat: ChatServer) -> None:
    token = chat.register(f"carl{time.time():.0f}")
    with sse(chat, token) as stream:
        stream.block()
        chat.call("DELETE", "/api/tokens", token)
        while not stream.is_ended():
            pass
        assert stream.is_ended()


def test_heartbeats_come(chat: ChatServer) -> None:
    with Stream(chat, "/events", {"Accept": "text/event-stream"}) as stream:
        stream.block()
        # The stream's time limit is well below those of proxies.
        while stream.line() != ":\n":
            pass


def test_typing_is_told_and_throttled(chat: ChatServer, ann: str) -> None:
    with sse(chat) as stream:
        start = time.monotonic()
        for _ in range(3):
            assert chat.call("POST", "/api/rooms/1/typing", ann).status_code == 204
        seconds = time.monotonic() - start
        post(chat, ann, "written")
        assert stream.event("typing") == {"room_id": 1, "user_id": 1, "nickname": "ann"}
        # It is told again after some seconds, which three requests seldom take.
        again = stream.names_until("message.created").count("typing")
        assert again <= 1000 * seconds / THROTTLE_MILLISECONDS

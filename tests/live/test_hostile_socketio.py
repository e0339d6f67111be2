"""Socket.IO clients that send what no client sends: errors for them, and nothing else."""

import json
import threading
from collections.abc import Iterator

import pytest

from tests.live.hostile import (
    BINARY,
    CLOSE,
    POLLING,
    WEBSOCKET,
    Raw,
    clients,
    frame,
    log_since,
    open_polling,
    posts,
)
from tests.live.server import ChatServer
from tests.waiting import wait_until

MANY = 1_000
DEEP = "[" * 5_000 + "]" * 5_000
DIGITS = "1" * 5_000


@pytest.fixture(scope="module", autouse=True)
def quiet(chat: ChatServer) -> Iterator[None]:
    """Whatever came, it leaves no traceback, and no subscription."""
    start = len(chat.log.read_bytes())
    yield
    wait_until(lambda: clients(chat, "socketio") == 0)
    written = log_since(chat, start)
    assert "Traceback" not in written
    assert " 500 " not in written


@pytest.fixture
def client(chat: ChatServer) -> Iterator[Raw]:
    with Raw(chat, WEBSOCKET) as raw:
        raw.text("0{")
        raw.send("40")
        raw.text("40{")
        yield raw


@pytest.mark.parametrize(
    "packet",
    ['42["connect",{},{}]', '42["connect"]', '42["disconnect"]', '42["disconnect","x",{}]',
     '42["connect_error",{}]', '42["disconnecting"]', '42["newListener"]', '42["dance"]',
     '42["__disconnect_final"]', '42["message","x"]', '42["*"]',
     "40", '40{"token":"x"}', "40/other,", "40/,"],
)  # fmt: skip
def test_events_of_the_library_add_no_subscription(
    chat: ChatServer, client: Raw, packet: str
) -> None:
    for _ in range(MANY // 100):
        client.send(*[packet] * 100)
    client.send('427["typing"]')
    assert "sign in" in client.text("437[")
    wait_until(lambda: clients(chat, "socketio") == 1)


def test_event_that_there_is_not_is_answered_so(client: Raw) -> None:
    client.send('428["connect",{},{}]')
    assert json.loads(client.text("438[")[3:]) == [
        {"error": "there is no such event", "status": 404}
    ]


def test_session_may_connect_again_after_it_has_disconnected(chat: ChatServer, client: Raw) -> None:
    client.send("41")
    wait_until(lambda: clients(chat, "socketio") == 0)


BAD = {
    "no packet type": "x",
    "opening": "0",
    "ping in the wrong direction": "2",
    "upgrade of what is one": "5",
    "noop": "6",
    "unknown type": "7bad",
    "empty": "",
    "other digits": "٤2[]",
    "message without a type": "4",
    "unknown message": "47",
    "message that is JSON": '4["x"]',
    "message that is text": "4bad",
    "event without a name": "42[]",
    "event of an object": "42{}",
    "event of nothing": "42",
    "event named by a number": "42[1]",
    "event named by null": "42[null]",
    "not JSON": "42[",
    "not a number": '42["post_message",NaN]',
    "infinity": '42["post_message",{"source":"x","room_id":Infinity}]',
    "lone surrogate": '42["post_message",{"source":"\\ud800"}]',
    "lone surrogate as a name": '42["\\udfff"]',
    "deep": f'42["post_message",{DEEP}]',
    "many digits": f'42["post_message",{{"source":"x","room_id":{DIGITS}}}]',
    "long id": f'42{DIGITS}["typing"]',
    "id that is not exact": '4299999999999999999["typing"]',
    "connection with an id": "401{}",
    "connection by a list": "40[]",
    "connection by a number": "405",
    "connection deep": f"40{DEEP}",
    "disconnection with content": "41{}",
    "acknowledgement of nothing": "43",
    "acknowledgement without an id": "43[]",
    "error of a server": '44{"message":"x"}',
    "binary event": '451-["post_message",{"_placeholder":true,"num":0}]',
    "binary event of many": '45999999999-["x"]',
    "binary acknowledgement": "461-1[]",
    "binary by text": "bAAAA",
    "long namespace": f"40/{'x' * 1_000},",
}


@pytest.mark.parametrize("packet", BAD.values(), ids=BAD.keys())
def test_bad_packet_ends_the_websocket(client: Raw, packet: str) -> None:
    # What comes behind is not HTTP.
    client.sock.sendall(frame(packet) + b"GET /metrics HTTP/1.1\r\nHost: chat\r\n\r\n")
    assert b"HTTP/1" not in client.rest()


def test_binary_frame_ends_the_websocket(client: Raw) -> None:
    client.sock.sendall(frame(b"\x00" * 100, BINARY))
    assert b"HTTP/1" not in client.rest()


@pytest.mark.parametrize("packet", BAD.values(), ids=BAD.keys())
def test_bad_packet_by_polling_ends_the_session(chat: ChatServer, packet: str) -> None:
    url = open_polling(chat)
    assert chat.call("POST", url, data=packet.encode()).status_code == 400
    assert chat.call("GET", url).status_code == 400


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"7bad", 400),
        (b"", 400),
        (b"\xff\xfe", 400),
        (b"40\x1e", 400),
        (b"\x1e40", 400),
        (b"40\x1e" * 16 + b"40", 400),
        (b"40\n40", 400),
        (b"2:40", 400),
        (b"d=40", 400),
        (b"d=", 400),
        (b'42["typing"]\x1e7bad', 400),
        (b"4" + b"2" * 2_000_000, 413),
    ],
    ids=["unknown", "empty", "not UTF-8", "separator last", "separator first", "too many",
         "other separator", "old protocol", "JSONP", "empty JSONP", "second is bad", "too long"],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "x"])
def test_bad_polling_post_is_answered(
    chat: ChatServer, body: bytes, status: int, kind: str
) -> None:
    url = open_polling(chat)
    answer = chat.call("POST", url, data=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert chat.call("GET", url).status_code == 400


def test_nothing_of_a_bad_payload_is_followed(chat: ChatServer, ann: str) -> None:
    url = open_polling(chat)
    chat.call("POST", url, data="40" + json.dumps({"token": ann}))
    body = '42["post_message",{"source":"not whole"}]\x1e7bad'
    assert chat.call("POST", url, data=body).status_code == 400
    assert "not whole" not in posts(chat)


@pytest.mark.parametrize(
    "query",
    ["EIO=3&transport=polling", "transport=polling", "EIO=4", "EIO=4&transport=flash",
     "EIO=4&EIO=4&transport=polling", "EIO=4&transport=polling&j=0", "EIO=4&transport=polling&j=x",
     "EIO=4&transport=polling&sid=unknown", "EIO=4&transport=polling&sid=",
     "EIO=4&transport=polling&sid=a%0Ab", "EIO=4&transport=websocket&sid=unknown"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_bad_query_is_refused(chat: ChatServer, query: str, method: str) -> None:
    assert chat.call(method, f"/socket.io/?{query}", data=b"40").status_code == 400


def test_session_is_opened_by_get_alone(chat: ChatServer) -> None:
    assert chat.call("POST", POLLING, data=b"40").status_code == 400


def test_websocket_without_a_session_of_that_id_is_refused(chat: ChatServer) -> None:
    with Raw(chat, f"{WEBSOCKET}&sid=unknown") as raw:
        assert b" 400 " in raw.head


@pytest.mark.parametrize("packet", ["5", "40", "2", "2prob", "3probe", "42[]", "", "x"])
def test_bad_probe_leaves_the_polling_as_it_was(chat: ChatServer, packet: str) -> None:
    url = open_polling(chat)
    with Raw(chat, url.replace("polling", "websocket")) as raw:
        raw.send(packet)
        assert b"HTTP/1" not in raw.rest()
        chat.call("POST", url, data=b"40")
        wait_until(lambda: "40{" in chat.call("GET", url).text)
        chat.call("POST", url, data=b"1")


def test_upgrade_out_of_order_leaves_the_polling_as_it_was(chat: ChatServer) -> None:
    url = open_polling(chat)
    with Raw(chat, url.replace("polling", "websocket")) as raw:
        raw.send("2probe", "2probe")
        assert b"HTTP/1" not in raw.rest()
        assert chat.call("POST", url, data=b"1").status_code == 200


def test_session_has_one_websocket(chat: ChatServer) -> None:
    url = open_polling(chat).replace("polling", "websocket")
    with Raw(chat, url) as first:
        first.send("2probe", "5", "40")
        first.text("40{")
        with Raw(chat, url) as second:
            # Accepted and closed, as the reference implementation does.
            assert second.receive()[0] == CLOSE
        assert chat.call("GET", url.replace("websocket", "polling")).status_code == 400


def test_two_polls_at_once_end_the_session(chat: ChatServer) -> None:
    url = open_polling(chat)
    statuses: list[int] = []
    polls = [
        threading.Thread(target=lambda: statuses.append(chat.call("GET", url).status_code))
        for _ in range(2)
    ]
    for poll in polls:
        poll.start()
    for poll in polls:
        poll.join()
    assert 400 in statuses
    assert chat.call("GET", url).status_code == 400


def test_client_that_does_not_read_its_answers_is_cut_off(chat: ChatServer, ann: str) -> None:
    url = open_polling(chat)
    chat.call("POST", url, data=b"40")
    # Under one name it is one message, which each answer has whole.
    message = {"source": "unread " * 1_000, "client_id": "unread"}
    body = "\x1e".join(["421" + json.dumps(["post_message", message, ann])] * 16)
    statuses = [200]
    while statuses[-1] == 200 and len(statuses) < 100:
        statuses.append(chat.call("POST", url, data=body).status_code)
    # The first ones are taken: they are no more than may wait.
    assert statuses[:3] == [200] * 3
    assert statuses[-1] == 400


@pytest.mark.parametrize(
    "auth",
    [{"token": 5}, {"token": []}, {"token": {}}, {"token": True}, {"after": {}}, {"after": [1]},
     {"after": 1.5}, {"after": True}],
)  # fmt: skip
def test_connection_with_wrong_types_is_refused(chat: ChatServer, auth: object) -> None:
    with Raw(chat, WEBSOCKET) as raw:
        raw.send("40" + json.dumps(auth))
        assert raw.text("44{")


@pytest.mark.parametrize("after", ["x", "9" * 40, "-1", "18446744073709551616-1", 2**63, "0-0"])
def test_any_id_may_be_gone_on_after(chat: ChatServer, after: object) -> None:
    with Raw(chat, WEBSOCKET) as raw:
        raw.send("40" + json.dumps({"after": after}))
        assert raw.text("40{")
        raw.send('421["typing"]')
        assert raw.text("431[")


@pytest.mark.parametrize(
    "client_id",
    ["", "x" * 256, 1.5, True, [], [1], {}, {"a": 1}, 2**53 + 2, -(2**53) - 2],
    ids=str,
)
def test_post_under_a_bad_name_is_refused_and_not_stored(
    chat: ChatServer, ann: str, client: Raw, client_id: object
) -> None:
    source = f"under {str(client_id)[:9]}"
    client.send(
        "421" + json.dumps(["post_message", {"source": source, "client_id": client_id}, ann])
    )
    assert "client_id" in client.text("431[")
    assert source not in posts(chat)


@pytest.mark.parametrize("client_id", ["x", "x" * 255, 0, -1, 2**53, None], ids=str)
def test_post_under_a_good_name_is_stored(
    chat: ChatServer, ann: str, client: Raw, client_id: object
) -> None:
    source = f"well under {str(client_id)[:20]}"
    client.send(
        "421" + json.dumps(["post_message", {"source": source, "client_id": client_id}, ann])
    )
    assert json.loads(client.text("431[")[3:])[0]["source"] == source


@pytest.mark.parametrize("values", ["", ",5", ",null,null", ",[],[]", ",{},{}", ",true,false"])
@pytest.mark.parametrize("event", ["post_message", "typing", "ping_user"])
def test_wrong_types_are_answered(client: Raw, event: str, values: str) -> None:
    client.send(f'429["{event}"{values}]')
    client.text("439[")


def test_close_in_the_middle_of_a_fragment_is_no_error(client: Raw) -> None:
    client.sock.sendall(frame("42[", fin=False) + frame(b"\x03\xe8", CLOSE))
    assert b"HTTP/1" not in client.rest()

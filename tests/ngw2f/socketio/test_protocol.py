"""Socket.IO's packets, as the suite's application answers them."""

from typing import Any

import pytest

from ngw2f.socketio.packets import BadPacketError, Message
from ngw2f.socketio.protocol import PART, RefusedError, SocketIO, Welcome
from tests.conformance.socketio.application import Suite
from tests.ngw2f.socketio.conftest import NOT_ASKED


class KeptSession:
    """A session that keeps what is sent."""

    sid, request = "sid", NOT_ASKED

    def __init__(self) -> None:
        self.memo: dict[str, str] = {}
        self.cursor = ""
        self.sent: list[Message] = []

    def send(self, message: Message) -> None:
        self.sent.append(message)


@pytest.fixture
def layer() -> SocketIO:
    return SocketIO(Suite())


@pytest.fixture
def session(layer: SocketIO) -> KeptSession:
    session = KeptSession()
    say(layer, session, "0")
    session.sent.clear()
    return session


def say(layer: SocketIO, session: KeptSession, *messages: Message) -> list[Message]:
    for message in messages:
        layer.receive(session, layer.parse(message), "")
    return session.sent


def test_client_connects_once(layer: SocketIO, session: KeptSession) -> None:
    assert layer.is_connected(session)
    assert say(layer, session, "0", '0{"a":1}') == []


def test_unknown_namespace(layer: SocketIO) -> None:
    session = KeptSession()
    assert say(layer, session, "0/random") == ['4/random,{"message":"Invalid namespace"}']
    assert not layer.is_connected(session)


def test_refusal_says_why() -> None:
    class Refusing(Suite):
        def connect(self, *_arguments: Any) -> Welcome:
            raise RefusedError("not you")

    session = KeptSession()
    assert say(SocketIO(Refusing()), session, "0") == ['4{"message":"not you"}']
    assert session.memo == {}


@pytest.mark.parametrize("packet", ['2["message"]', "1", "31[]", '2/custom,["message"]'])
def test_only_who_is_connected_may_speak(layer: SocketIO, packet: str) -> None:
    session = KeptSession()
    with pytest.raises(BadPacketError):
        say(layer, session, packet)


def test_namespaces_are_apart(layer: SocketIO, session: KeptSession) -> None:
    said = say(layer, session, "0/custom,", "1", '2/custom,["message",1]')
    assert said[-1] == '2/custom,["message-back",1]'
    with pytest.raises(BadPacketError):
        say(layer, session, '2["message"]')


def test_acknowledgement_has_the_id(layer: SocketIO, session: KeptSession) -> None:
    assert say(layer, session, '2456["message-with-ack",1]') == ["3456[1]"]


def test_attachments_may_come_later(layer: SocketIO, session: KeptSession) -> None:
    """Between two POSTs another worker may take over: the memo has all that it needs."""
    text = '52-7["message-with-ack",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]'
    assert say(layer, session, text, b"a") == []
    assert PART in session.memo
    head, *attachments = say(layer, session, b"b")
    assert head == '62-7[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'
    assert attachments == [b"b", b"a"]
    assert PART not in session.memo


@pytest.mark.parametrize(
    "messages",
    [[b"a"], ['51-["message"]', "0"], ['511-["message"]'], ['51-["message"]', b"x" * 1_100_000]],
    ids=["without a packet", "missing", "too many", "too long"],
)
def test_attachments_that_do_not_belong_there(
    layer: SocketIO, session: KeptSession, messages: list[Message]
) -> None:
    with pytest.raises(BadPacketError):
        say(layer, session, *messages)

"""A WebSocket's life, packet by packet."""

from typing import Any
from unittest.mock import Mock

import pytest

from ngw2f.http import Request
from ngw2f.socketio.engine import Engine
from ngw2f.socketio.layers import Session, Stream
from ngw2f.socketio.packets import Message
from ngw2f.socketio.sessions import Times, new_sid
from ngw2f.socketio.websocket import (
    INTERNAL_ERROR,
    NORMAL,
    PROTOCOL_ERROR,
    SERVICE_RESTART,
    connect,
)
from tests.conformance.socketio.application import Echo
from tests.ngw2f.socketio.conftest import NOT_ASKED, Build, Switching, texts


def test_messages_are_carried(engine: Engine, switching: Switching) -> None:
    socket = switching.script("4hello", b"\0\1", "43")
    connect(engine, NOT_ASKED, None)
    assert texts(socket.sent) == ["4hello", b"\0\1", "43"]


@pytest.mark.parametrize("packet", ["", "x", "0", "2", "5", "6", "7", "11", "33", "2probe"])
def test_bad_packet_ends_it(engine: Engine, switching: Switching, packet: str) -> None:
    socket = switching.script(packet, "4late")
    connect(engine, NOT_ASKED, None)
    assert socket.closed == [PROTOCOL_ERROR]
    assert texts(socket.sent) == []


def test_client_closes_it(engine: Engine, switching: Switching) -> None:
    socket = switching.script("4x", "1", "4late")
    connect(engine, NOT_ASKED, None)
    assert socket.closed == [NORMAL]
    assert texts(socket.sent) == ["4x"]


def test_pings_follow_pongs(build_engine_on: Build, switching: Switching) -> None:
    engine = build_engine_on(times=Times(0, 600_000))
    socket = switching.script(None, None, "3", "3", None, "3", None)
    connect(engine, NOT_ASKED, None)
    assert texts(socket.sent) == ["2", "2", "2"]


def test_client_without_a_pong_is_disconnected(
    build_engine_on: Build, switching: Switching
) -> None:
    engine = build_engine_on(times=Times(0, 0))
    socket = switching.script(None, None, "4late")
    connect(engine, NOT_ASKED, None)
    assert texts(socket.sent) == ["2"]


@pytest.mark.parametrize("is_connected", [True, False])
def test_client_that_never_connects_is_disconnected(
    build_engine_on: Build, switching: Switching, is_connected: bool
) -> None:
    class Hasty(Echo):
        connect_seconds = 0.0

        def is_connected(self, _session: object) -> bool:
            return is_connected

    socket = switching.script(None, "4x")
    connect(build_engine_on(Hasty()), NOT_ASKED, None)
    assert texts(socket.sent) == (["4x"] if is_connected else [])


def test_error_above_ends_it(
    build_engine_on: Build, switching: Switching, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(Echo):
        def receive(self, *_arguments: object) -> None:
            raise ValueError("nobody expected this")

    socket = switching.script("4x")
    connect(build_engine_on(Failing()), NOT_ASKED, None)
    assert socket.closed == [INTERNAL_ERROR]
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert not record.exc_info


def test_session_continues_over_it(engine: Engine, switching: Switching) -> None:
    sid = engine.sessions.create()
    engine.sessions.begin_post(sid, "a", "")
    engine.sessions.end_post(
        sid, "a", "", "4waits\x1ebAAE=", None, has_pong=False, is_connected=False
    )
    socket = switching.script("2probe", "5", "4x")
    connect(engine, NOT_ASKED, sid)
    assert socket.sent == ["3probe", "4waits", b"\0\1", "4x"]


def test_client_that_may_hear_nothing_more_is_disconnected_at_its_upgrade(
    build_engine_on: Build, switching: Switching
) -> None:
    """It signed out meanwhile."""

    class SignedOut(Echo):
        def stream(self, *_arguments: object, **_options: object) -> None:
            return None

    engine = build_engine_on(SignedOut())
    sid = engine.sessions.create()
    engine.sessions.begin_post(sid, "a", "")
    state: tuple[dict[str, str], str] = {}, "7-0"
    engine.sessions.end_post(sid, "a", "", "", state, has_pong=False, is_connected=True)
    socket = switching.script("2probe", "5", "4late")
    connect(engine, NOT_ASKED, sid)
    assert socket.sent == ["3probe"]


@pytest.mark.parametrize(
    "packets", [["5"], ["2probe", "2probe"], ["4x"], [None], ["2probe", None], ["2probe", b"5"]]
)
def test_wrong_upgrade_leaves_the_session_polling(
    engine: Engine, switching: Switching, packets: list[Message | None]
) -> None:
    sid = engine.sessions.create()
    socket = switching.script(*packets)
    connect(engine, NOT_ASKED, sid)
    assert socket.closed == [PROTOCOL_ERROR]
    assert engine.sessions.claim(sid, "a", is_patient=True).status == "held"


@pytest.mark.parametrize("packets", [[], ["2probe"]])
def test_client_that_goes_leaves_the_session_polling(
    engine: Engine, switching: Switching, packets: list[str]
) -> None:
    sid = engine.sessions.create()
    switching.script(*packets)
    connect(engine, NOT_ASKED, sid)
    assert engine.sessions.begin_upgrade(sid, "next") == "held"


def test_session_that_cannot_switch_stays(build_engine_on: Build, switching: Switching) -> None:
    """The switch refuses the request, which then is no upgrade."""
    engine = build_engine_on()
    sid = engine.sessions.create()
    with pytest.raises(IndexError):
        connect(engine, NOT_ASKED, sid)
    assert engine.sessions.begin_upgrade(sid, "next") == "held"


def test_second_websocket_is_closed(engine: Engine, switching: Switching) -> None:
    sid = engine.sessions.create()
    engine.sessions.begin_upgrade(sid, "first")
    socket = switching.script("2probe")
    assert connect(engine, NOT_ASKED, sid).status_code == 101
    assert (socket.sent, socket.closed) == ([], [PROTOCOL_ERROR])


def test_unknown_session_is_refused(engine: Engine) -> None:
    request = Request({"QUERY_STRING": ""})
    assert connect(engine, request, new_sid()).status_code == 400


class Following(Echo):
    """A message is the place in the log from which its client continues; "" is none."""

    def __init__(self) -> None:
        self.streams: list[Any] = []

    def receive(self, session: Session, said: Message, _key: str) -> None:
        session.cursor = str(said)

    def stream(self, _session: Session, *, as_frames: bool) -> Stream:
        self.streams.append(Mock(is_drained=False, as_frames=as_frames))
        stream: Stream = self.streams[-1]
        return stream


def test_socket_writes_what_its_client_follows(
    build_engine_on: Build, switching: Switching
) -> None:
    """One stream after the other, and none after it has left the log."""
    layer = Following()
    socket = switching.script("47-0", "47-0", "49-0", "4", "4")
    connect(build_engine_on(layer), NOT_ASKED, None)
    assert [stream for stream, _ in socket.followed] == layer.streams
    assert [stream.as_frames for stream in layer.streams] == [True, True]
    assert [stream.close.call_count for stream in layer.streams] == [1, 1]
    assert socket.finished == 2


@pytest.mark.parametrize(("is_drained", "codes"), [(True, [SERVICE_RESTART]), (False, [])])
def test_end_of_a_stream_is_told_if_the_worker_stops(
    build_engine_on: Build, switching: Switching, is_drained: bool, codes: list[int]
) -> None:
    socket = switching.script("47-0", None)

    layer, receive = Following(), socket.receive

    def end_meanwhile(seconds: float) -> Message | None:
        if layer.streams:
            layer.streams[0].is_drained = is_drained
            socket.followed[0][1]()
        return receive(seconds)

    socket.receive = end_meanwhile  # type: ignore[method-assign] # for this one
    connect(build_engine_on(layer), NOT_ASKED, None)
    assert socket.closed[:1] == codes

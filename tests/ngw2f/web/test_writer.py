"""A writer, on a socket and a hub that are real."""

from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from gevent import socket

from ngw2f.live.entry import Entry, EntryId
from ngw2f.live.formats import WebSocketFrames
from ngw2f.live.hub import Hub
from ngw2f.live.liveness import cut_off
from ngw2f.live.subscription import Ending, Subscription
from ngw2f.server.service import Service
from ngw2f.web.upgrade import FrameSocket
from ngw2f.web.writer import Writer

HANGING_SECONDS = 60
# More than the buffers of both ends take.
LONG = b"x" * 200_000
FORM = WebSocketFrames()


class Stage:
    """One client of a hub: what it has received, and whether it was told why it ends."""

    def __init__(self, hub: Hub, after: str | None) -> None:
        self.hub = hub
        self.ours, self.client = socket.socketpair()
        self.client.settimeout(HANGING_SECONDS)
        self.ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.socket = FrameSocket(self.ours)
        self.socket.send(b"accepted")
        self.subscription: Subscription = hub.subscribe(FORM, after=after)
        self.closes: list[Ending | None] = []
        self.writer = Writer(
            self.subscription, self.socket, lambda: self.closes.append(self.subscription.ending)
        )
        assert self.read(8) == b"accepted"

    def publish(self, data: bytes = b"{}") -> bytes:
        """Deliver an event; return the frame of it."""
        entry = Entry(EntryId(self.hub.position.milliseconds + 1), "typing", data, None)
        self.hub.deliver(entry)
        return entry.frame(FORM)

    def read(self, size: int) -> bytes:
        received = b""
        while len(received) < size and (more := self.client.recv(size - len(received))):
            received += more
        return received

    def settle(self) -> None:
        """Have the event loop do all that it can now."""
        for _ in range(5):
            gevent.sleep(0)


@pytest.fixture
def stage(service: Service, request: pytest.FixtureRequest) -> Iterator[Stage]:
    after: Any = getattr(request, "param", None)
    stage = Stage(service.services.hub, after)
    yield stage
    stage.subscription.close()
    stage.socket.close()
    stage.ours.close()
    stage.client.close()


def test_events_need_no_greenlet(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.settle()
    monkeypatch.setattr(gevent, "spawn", lambda *_: pytest.fail("it need not wait"))
    for _ in range(3):
        frame = stage.publish()
        assert stage.read(len(frame)) == frame


def test_slow_client_gets_all_in_order(stage: Stage) -> None:
    frames = [stage.publish(b'"%d%s"' % (number, LONG)) for number in range(3)]
    stage.settle()
    stage.subscription.say(b"said")
    frames.append(stage.publish())
    expected = b"".join(frames)
    received = stage.read(len(expected) + 4)
    # What the transport says comes between two writes of events.
    assert received.replace(b"said", b"", 1) == expected
    later = stage.publish()
    assert stage.read(len(later)) == later


@pytest.mark.parametrize("stage", ["0"], indirect=True)
def test_client_that_was_away_gets_what_it_missed(stage: Stage) -> None:
    frame = stage.publish()
    assert stage.read(len(frame)) == frame


@pytest.mark.parametrize("ending", [Ending.DRAINED, Ending.REVOKED])
def test_end_is_told(stage: Stage, ending: Ending) -> None:
    stage.subscription.end(ending)
    assert stage.read(1) == b""
    assert stage.closes == [ending]


def test_nothing_is_written_after_the_end(stage: Stage) -> None:
    stage.settle()
    stage.subscription.say(b"said")
    stage.writer.finish()
    stage.publish()
    stage.settle()
    stage.socket.close()
    assert stage.read(100) == b"said"


def test_client_that_does_not_read_is_cut_off(stage: Stage) -> None:
    stage.hub.clock = 1.0
    stage.publish(b'"%s"' % (LONG * 10))
    stage.settle()
    assert stage.subscription.busy_since == 1.0
    cut_off(stage.subscription)
    stage.settle()
    received = b""
    while more := stage.client.recv(65_536):
        received += more
    assert len(received) < len(LONG) * 10


def test_client_that_has_gone_is_no_error(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.client.close()
    stage.publish()
    stage.settle()
    stage.publish()
    stage.settle()
    assert not caplog.records


def test_event_that_fails_ends_the_connection(
    stage: Stage, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.settle()
    monkeypatch.setattr(Subscription, "poll", lambda _subscription: 1 / 0)
    stage.subscription.wake()
    assert stage.read(1) == b""
    (record,) = caplog.records
    assert "ZeroDivisionError" in record.getMessage()


@pytest.mark.parametrize("begins_with", ["send", "try_send"])
def test_nothing_follows_half_a_frame(begins_with: str) -> None:
    ours, client = socket.socketpair()
    client.settimeout(HANGING_SECONDS)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    frames = FrameSocket(ours)
    frames.send(b"accepted")
    rest = None if begins_with == "send" else frames.try_send(LONG)
    with gevent.Timeout(0.01, False):
        if rest is None:
            frames.send(LONG)
        else:
            frames.send_rest(rest)
    later = gevent.spawn(frames.send, b"later")
    received = b""
    while more := client.recv(4096):
        received += more
    assert received.removeprefix(b"accepted").strip(b"x") == b""
    later.join(HANGING_SECONDS)
    assert isinstance(later.exception, OSError)
    ours.close()
    client.close()

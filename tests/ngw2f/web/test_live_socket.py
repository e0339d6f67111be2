"""A WebSocket of Socket.IO's whose client does not read."""

from typing import Any

import gevent
import pytest
from gevent.event import Event

from ngw2f.socketio.layers import ClosedError
from ngw2f.web import live_socket as module
from ngw2f.web.live_socket import LiveSocket


class FullSocket:
    """Takes no byte more."""

    wait_turn = staticmethod(gevent.sleep)

    def send(self, _message: object) -> None:
        Event().wait()

    def close(self, _code: int, _reason: str) -> None:
        Event().wait()


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> LiveSocket:
    monkeypatch.setattr(module, "STALL_SECONDS", 0.001)
    monkeypatch.setattr(module, "CLOSE_SECONDS", 0.001)
    full: Any = FullSocket()
    return LiveSocket(full, full)


def test_answer_that_is_not_read_ends_it(live: LiveSocket) -> None:
    with gevent.Timeout(60), pytest.raises(ClosedError):
        live.send("42[]")


def test_close_frame_does_not_wait_for_a_reader(live: LiveSocket) -> None:
    with gevent.Timeout(60):
        live.close(1002)

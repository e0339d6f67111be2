"""A server with an echo above it, and a WebSocket that a test scripts."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from redis import Redis

from ngw2f.http import Request, Response
from ngw2f.socketio.engine import Engine, build_engine
from ngw2f.socketio.layers import ClosedError, Layer, Stream, WebSocket, Writing
from ngw2f.socketio.packets import Message
from ngw2f.socketio.sessions import Times
from tests.conformance.socketio.application import Echo

LONG = Times(600_000, 600_000)
NOT_ASKED: Any = None


class ScriptedSocket:
    """Receives what it was given, None for silence, and then that the client has gone."""

    def __init__(self, *messages: Message | None) -> None:
        self._messages = list(messages)
        self.sent: list[Message] = []
        self.closed: list[int] = []
        # The streams that it writes, and what it calls when they have ended.
        self.followed: list[tuple[Stream, Callable[[], None]]] = []
        self.finished = 0

    def receive(self, seconds: float) -> Message | None:
        assert seconds > 0
        if not self._messages or self.closed:
            raise ClosedError
        return self._messages.pop(0)

    def send(self, message: Message) -> None:
        self.sent.append(message)

    def follow(self, stream: Stream, close: Callable[[], None]) -> Writing:
        self.followed.append((stream, close))
        return self

    def finish(self) -> None:
        self.finished += 1

    def close(self, code: int, reason: str = "") -> None:
        assert len(reason.encode()) < 124
        self.closed.append(code)

    def wait_turn(self) -> None:
        pass


class Switching:
    """A switch of protocols that runs the conversation at once, on a scripted socket."""

    def __init__(self) -> None:
        self.sockets: list[ScriptedSocket] = []

    def script(self, *messages: Message | None) -> ScriptedSocket:
        self.sockets.append(ScriptedSocket(*messages))
        return self.sockets[-1]

    def __call__(self, _request: Request, converse: Callable[[WebSocket], None]) -> Response:
        converse(self.sockets.pop(0))
        return Response(status=101)


@pytest.fixture
def switching() -> Switching:
    return Switching()


Build = Callable[..., Engine]


@pytest.fixture
def build_engine_on(redis: Redis, switching: Switching) -> Build:
    def build(layer: Layer | None = None, times: Times = LONG) -> Engine:
        def attempt(commands: Callable[[Redis], list[Any]]) -> list[Any]:
            return commands(redis)

        def connect() -> Redis:
            return Redis(connection_pool=redis.connection_pool)

        return build_engine(layer or Echo(), switching, attempt, connect, "test:", 1_000, times)

    return build


@pytest.fixture
def engine(build_engine_on: Build) -> Engine:
    return build_engine_on()


def texts(sent: Iterable[Message]) -> list[Message]:
    """Return what was sent after the packet that opens the session."""
    first, *rest = sent
    assert isinstance(first, str)
    assert first.startswith("0{")
    return rest

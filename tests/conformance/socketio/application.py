"""What the suites of Engine.IO and Socket.IO talk to: an echo, and the events that they expect."""

import os
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from redis import Redis
from redis.exceptions import RedisError
from werkzeug.exceptions import HTTPException

from ngw2f.http import Request
from ngw2f.socketio.commands import Attempt
from ngw2f.socketio.engine import build_engine
from ngw2f.socketio.layers import Layer, Session, Stream
from ngw2f.socketio.packets import Message
from ngw2f.socketio.protocol import Reply, SocketIO, Welcome
from ngw2f.socketio.server import Server
from ngw2f.socketio.sessions import Times, new_sid
from ngw2f.web.live_socket import switch_with

MAX_PAYLOAD = 1_000_000
# A client has to connect within so many intervals: the suite pings three times before it does.
CONNECT_INTERVALS = 4


class Echo:
    """Engine.IO with nothing above it."""

    connect_seconds: float | None = None

    def parse(self, message: Message) -> Message:
        return message

    def receive(self, session: Session, said: Message, _key: str) -> None:
        session.send(said)

    def is_connected(self, _session: Session) -> bool:
        return True

    def stream(self, _session: Session, *, as_frames: bool) -> Stream | None:
        raise NotImplementedError(as_frames)


class Suite:
    """The application of which Socket.IO's suite knows the answers."""

    namespaces = frozenset({"/", "/custom"})
    max_attachments = 10
    max_attached_bytes = MAX_PAYLOAD

    def connect(self, _namespace: str, auth: dict[str, Any], _request: Request) -> Welcome:
        return Welcome({"sid": new_sid()}, events=(["auth", auth],))

    def receive(
        self, _namespace: str, _state: str, event: list[Any], _key: str, *, is_asked: bool
    ) -> Reply:
        name, *values = event
        if is_asked:
            return Reply(values=values)
        return Reply((["message-back", *values],)) if name == "message" else Reply()

    def stream(self, _state: str, _cursor: str, *, as_frames: bool) -> Stream | None:
        raise NotImplementedError(as_frames)


class Application:
    """Both suites' servers, on one Redis."""

    def __init__(self, url: str, times: Times) -> None:
        self._url = url
        self._redis = Redis.from_url(url)
        connect_seconds = CONNECT_INTERVALS * times.ping_interval / 1000
        self._servers = {
            "/engine.io/": self._server(Echo(), "engine:", times),
            "/socket.io/": self._server(SocketIO(Suite(), connect_seconds), "socket:", times),
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        request.max_content_length = MAX_PAYLOAD
        try:
            response: Any = self._servers[request.path].serve(request)
        except HTTPException as error:
            response = error
        return response(environ, start_response)  # type: ignore[no-any-return]

    def _server(self, layer: Layer, prefix: str, times: Times) -> Server:
        connect: Callable[[], Redis] = lambda: Redis.from_url(self._url)  # noqa: E731
        attempt: Attempt = self._attempt
        switch = switch_with(MAX_PAYLOAD)
        engine = build_engine(layer, switch, attempt, connect, prefix, MAX_PAYLOAD, times)
        return Server(engine, lambda _request: None)

    def _attempt(self, commands: Callable[[Redis], list[Any]]) -> list[Any] | None:
        try:
            return commands(self._redis)
        except RedisError:
            return None


def build() -> Application:
    """Return the application that the environment describes."""
    interval, timeout = map(int, os.environ["CONFORMANCE_PING"].split("/"))
    return Application(os.environ["CONFORMANCE_REDIS_URL"], Times(interval, timeout))

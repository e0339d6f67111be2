"""What the transports of one Engine.IO server share."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from redis import Redis

from ngw2f.socketio.commands import Attempt, Commands
from ngw2f.socketio.layers import Layer, Switch
from ngw2f.socketio.packets import OPEN
from ngw2f.socketio.sessions import Sessions, Times, new_token
from ngw2f.socketio.waking import Waking


class Opening(msgspec.Struct, rename="camel"):
    """What a client learns when its session opens."""

    sid: str
    upgrades: list[str]
    ping_interval: int
    ping_timeout: int
    max_payload: int


@dataclass(frozen=True, slots=True)
class Engine:
    layer: Layer
    switch: Switch
    sessions: Sessions
    waking: Waking
    times: Times
    max_payload: int

    def opening(self, sid: str, *upgrades: str) -> str:
        """Return the packet that opens a session."""
        times = self.times
        opening = Opening(
            sid, [*upgrades], times.ping_interval, times.ping_timeout, self.max_payload
        )
        return OPEN + msgspec.json.encode(opening).decode()


def build_engine(
    layer: Layer,
    switch: Switch,
    attempt: Attempt,
    connect: Callable[[], Redis],
    prefix: str,
    max_payload: int,
    times: Times | None = None,
) -> Engine:
    """Return the parts of a server, for one process.

    *attempt* runs commands in Redis, *connect* opens a connection that may wait for long; all keys
    begin with *prefix*. *max_payload*: how many bytes a client may send at once.
    """
    times = times or Times()
    sessions = Sessions(Commands(attempt), prefix, times, new_token(), layer.connect_seconds)
    waking = Waking(connect, sessions.channel)
    return Engine(layer, switch, sessions, waking, times, max_payload)

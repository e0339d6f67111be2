"""What Engine.IO and the layer above it know of each other, whichever transport carries it."""

from collections.abc import Callable
from typing import Any, Protocol

from ngw2f.http import Request, Response
from ngw2f.socketio.packets import Message


class Source(Protocol):
    """What a WebSocket writes from, whenever its `waiter` is switched to."""

    waiter: Any
    # Writes while the client reads too slowly for the event loop to wait.
    greenlet: object

    @property
    def may_query(self) -> bool:
        """Whether the next bytes may come from the database."""

    def poll(self) -> bytes | None:
        """Return the next bytes, b"" if there are none yet, or None when it has ended."""

    def take_said(self) -> bytes:
        """Return what the transport itself has to send."""

    def wake(self) -> None:
        """Have the event loop switch to the waiter."""


class Stream(Source, Protocol):
    """A client's place in the log of events: the hub's subscription."""

    @property
    def last_id(self) -> object:
        """The id after which the client continues."""

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""

    @property
    def is_drained(self) -> bool:
        """Whether it ended because the worker stops."""

    def next_chunk(self) -> bytes | None:
        """Wait for the next events and return them, or None when it has ended."""

    def ready_chunk(self) -> bytes:
        """Return the events that are there."""

    def stop(self) -> None:
        """End it; whoever waits for the next events gets None."""

    def close(self) -> None:
        """Leave the log."""


class Session(Protocol):
    """One client, as the layer above Engine.IO sees it."""

    sid: str
    # What that layer remembers of it: text that a session in Redis takes along.
    memo: dict[str, str]
    # After which event the client continues; "": it gets none.
    cursor: str
    request: Request

    def send(self, message: Message) -> None: ...


class Layer(Protocol):
    """What is spoken over Engine.IO: Socket.IO, or an echo in the tests."""

    # A client that has not connected by then is disconnected; None: it need not.
    connect_seconds: float | None

    def parse(self, message: Message) -> Any:
        """Return what a message says. Raises BadPacketError."""

    def receive(self, session: Session, said: Any, key: str) -> None:
        """Follow a parsed message. Raises BadPacketError.

        *key* is the same where the client repeats a request; "": it cannot.
        """

    def is_connected(self, session: Session) -> bool:
        """Return whether the client has ever connected."""

    def stream(self, session: Session, *, as_frames: bool) -> Stream | None:
        """Return the events after the session's cursor; None if it may not have them any more.

        They are framed for a WebSocket, or as the payload of a poll.
        """


class ClosedError(Exception):
    """The WebSocket has been closed."""


class Writing(Protocol):
    """What writes a stream to a client."""

    def finish(self) -> None:
        """Write no more."""


class WebSocket(Protocol):
    """A WebSocket that a handshake has opened."""

    def receive(self, seconds: float) -> Message | None:
        """Return the next message, or None if none comes within *seconds*. Raises ClosedError."""

    def send(self, message: Message) -> None:
        """Send a message. Raises ClosedError."""

    def follow(self, stream: Stream, close: Callable[[], None]) -> Writing:
        """Send the stream's frames from now on; when it has ended, *close*, and cut."""

    def close(self, code: int, reason: str = "") -> None:
        """Send a close frame, if the connection still is open."""

    def wait_turn(self) -> None:
        """Let other clients have their turn."""


# Switches a request's connection to a WebSocket, and hands it to the function.
Switch = Callable[[Request, Callable[[WebSocket], None]], Response]

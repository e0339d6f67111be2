"""Engine.IO over a WebSocket, from the first on or as the upgrade of a session that polls.

An open one needs no Redis: its worker knows all about it.
"""

import logging
import time
from base64 import b64decode
from contextlib import suppress
from functools import partial

import gevent

from ngw2f.http import Request, Response
from ngw2f.own_stack import call_on_own_stack
from ngw2f.socketio import answers
from ngw2f.socketio.commands import UnreachableError
from ngw2f.socketio.engine import Engine
from ngw2f.socketio.hold import UPGRADE_PAUSE_SECONDS, UPGRADE_TRIES
from ngw2f.socketio.layers import ClosedError, Stream, WebSocket, Writing
from ngw2f.socketio.packets import (
    CLOSE,
    MESSAGE,
    NOOP,
    PING,
    PONG,
    PROBE,
    PROBED,
    SEPARATOR,
    UPGRADE,
    BadPacketError,
    Message,
    check_packet,
)
from ngw2f.socketio.sessions import UPGRADE_MILLISECONDS, new_sid, new_token

# Close codes (RFC 6455 section 7.4.1, and IANA's registry for 1012).
NORMAL, PROTOCOL_ERROR, INTERNAL_ERROR, SERVICE_RESTART = 1000, 1002, 1011, 1012
MAX_REASON = 100

log = logging.getLogger(__name__)


def connect(engine: Engine, request: Request, sid: str | None) -> Response:
    """Switch to a WebSocket. Raises 400, 403, 426, 501, UnreachableError."""
    token = new_token()
    status = _begin_upgrade(engine, sid, token) if sid is not None else ""
    if status == "gone":
        return answers.error(answers.SESSION_UNKNOWN, "the session is unknown, or has ended")

    def run(socket: WebSocket) -> None:
        conversation = Conversation(engine, request, socket)
        if status in ("busy", "later"):
            # As the reference implementation has it: a session has one WebSocket.
            socket.close(PROTOCOL_ERROR, "the session has a WebSocket already")
        elif sid is None:
            conversation.begin(new_sid())
        else:
            conversation.take_over(sid, token)

    try:
        return engine.switch(request, run)
    except Exception:
        if status == "held" and sid is not None:
            engine.sessions.stay(sid, token)
        raise


def _begin_upgrade(engine: Engine, sid: str, token: str) -> str:
    """Begin an upgrade, or learn what became of another one that is under way."""
    for _ in range(UPGRADE_TRIES):
        status = engine.sessions.begin_upgrade(sid, token)
        if status != "later":
            break
        gevent.sleep(UPGRADE_PAUSE_SECONDS)
    return status


class LiveSession:
    """A session that has a WebSocket."""

    __slots__ = ("_socket", "cursor", "memo", "request", "sid")

    def __init__(self, request: Request, socket: WebSocket) -> None:
        self.sid = ""
        self.memo: dict[str, str] = {}
        self.cursor = ""
        self.request = request
        self._socket = socket

    def send(self, message: Message) -> None:
        self._socket.send(MESSAGE + message if isinstance(message, str) else message)


class Conversation:
    """One client's WebSocket: a greenlet reads, and the socket itself writes the events."""

    __slots__ = (
        "_awaits_pong",
        "_connect_by",
        "_cursor",
        "_due_at",
        "_engine",
        "_session",
        "_socket",
        "_stream",
        "_writing",
    )

    def __init__(self, engine: Engine, request: Request, socket: WebSocket) -> None:
        self._engine = engine
        self._socket = socket
        self._session = LiveSession(request, socket)
        self._stream: Stream | None = None
        self._writing: Writing | None = None
        self._cursor = ""
        seconds = engine.layer.connect_seconds
        self._connect_by = time.monotonic() + seconds if seconds is not None else None
        # When the next ping is due, or the pong.
        self._due_at = time.monotonic() + engine.times.ping_interval / 1000
        self._awaits_pong = False

    def begin(self, sid: str) -> None:
        """Serve a client whose session opens with the WebSocket."""
        self._session.sid = sid
        with suppress(ClosedError):
            self._socket.send(self._engine.opening(sid))
            self._converse()

    def take_over(self, sid: str, token: str) -> None:
        """Serve a client whose session polled so far, if it upgrades as the protocol says."""
        with suppress(ClosedError):
            if self._upgrade(sid, token) and self._follow_log():
                self._converse()

    def _upgrade(self, sid: str, token: str) -> bool:
        sessions, seconds = self._engine.sessions, UPGRADE_MILLISECONDS / 1000
        try:
            try:
                if self._socket.receive(seconds) == PROBE and sessions.probe(sid, token):
                    self._socket.send(PROBED)
                    if self._socket.receive(seconds) == UPGRADE:
                        return self._take_state(sid, token)
            except ClosedError:
                sessions.stay(sid, token)
                raise
            sessions.stay(sid, token)
        except UnreachableError:
            pass
        self._socket.close(PROTOCOL_ERROR, "an upgrade is a probe and an upgrade")
        return False

    def _take_state(self, sid: str, token: str) -> bool:
        """Take the session from Redis, and send what waits in it."""
        upgraded = self._engine.sessions.upgrade(sid, token)
        if upgraded is None:
            return False
        session = self._session
        session.sid, session.memo, session.cursor = sid, upgraded.memo, upgraded.cursor
        self._due_at = time.monotonic() + upgraded.due_seconds
        self._awaits_pong = not upgraded.may_ping
        for packet in filter(None, upgraded.packets.split(SEPARATOR)):
            if packet != NOOP:
                is_text = not packet.startswith("b")
                self._socket.send(packet if is_text else b64decode(packet[1:]))
        return True

    def _converse(self) -> None:
        """Read until one side ends it. Raises ClosedError."""
        try:
            while self._take_next():
                # Many packets may have arrived at once: let other greenlets run between them.
                self._socket.wait_turn()
        except BadPacketError as error:
            log.info("disconnecting a Socket.IO client: %s", error)
            self._socket.close(PROTOCOL_ERROR, str(error)[:MAX_REASON])
        except ClosedError:
            raise
        except Exception as error:
            log.error("disconnecting a Socket.IO client after an error: %r", error)
            self._socket.close(INTERNAL_ERROR, "an error on our side")
        finally:
            self._leave_log()

    def _take_next(self) -> bool:
        """Take the next packet or do what is due; return False at the end."""
        packet = self._socket.receive(max(self._next_at() - time.monotonic(), 0.001))
        if packet is None:
            return self._do_what_is_due()
        if packet == CLOSE:
            self._socket.close(NORMAL)
            return False
        if packet == PONG:
            if self._awaits_pong:
                self._awaits_pong = False
                self._due_at = time.monotonic() + self._engine.times.ping_interval / 1000
            return True
        check_packet(packet)
        message = packet[1:] if isinstance(packet, str) else packet
        # Its client may be idle for hours after it.
        return call_on_own_stack(partial(self._hear, message))

    def _hear(self, message: Message) -> bool:
        layer = self._engine.layer
        layer.receive(self._session, layer.parse(message), "")
        return self._follow_log()

    def _next_at(self) -> float:
        return self._due_at if self._connect_by is None else min(self._due_at, self._connect_by)

    def _do_what_is_due(self) -> bool:
        now = time.monotonic()
        if self._connect_by is not None and now >= self._connect_by:
            if not self._engine.layer.is_connected(self._session):
                return False
            self._connect_by = None
        if now >= self._due_at:
            if self._awaits_pong:
                return False
            self._socket.send(PING)
            self._awaits_pong = True
            self._due_at = now + self._engine.times.ping_timeout / 1000
        return True

    def _follow_log(self) -> bool:
        """Follow the log from the session's cursor; return False if it may not (any more)."""
        session = self._session
        if session.cursor == self._cursor:
            return True
        self._leave_log()
        self._cursor = session.cursor
        if session.cursor:
            self._stream = self._engine.layer.stream(session, as_frames=True)
            if self._stream is None:
                return False
            self._writing = self._socket.follow(self._stream, self._close)
        return True

    def _leave_log(self) -> None:
        """Hear no more events, which does not end the connection."""
        stream, self._stream = self._stream, None
        if stream and self._writing:
            self._writing.finish()
            stream.close()

    def _close(self) -> None:
        """Say that the stream has ended because the worker stops.

        After Socket.IO's own farewell, clients would not reconnect.
        """
        if self._stream and self._stream.is_drained:
            self._socket.close(SERVICE_RESTART)

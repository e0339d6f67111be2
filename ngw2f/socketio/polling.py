"""Engine.IO's polling: a GET waits for packets, a POST sends some, at any worker."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from werkzeug.exceptions import RequestEntityTooLarge

from ngw2f.http import Request, Response
from ngw2f.socketio import answers
from ngw2f.socketio.engine import Engine
from ngw2f.socketio.hold import Hold, wait_for_upgrade
from ngw2f.socketio.packets import (
    CLOSE,
    MESSAGE,
    PONG,
    SEPARATOR,
    BadPacketError,
    Message,
    pack,
    parse_payload,
)
from ngw2f.socketio.sessions import TooManySessionsError, new_token

# What a client adds to the address of each request, so that no two are the same.
STAMP = "t"


@dataclass(slots=True)
class PolledSession:
    """A session while a worker handles one of its requests."""

    sid: str
    memo: dict[str, str]
    cursor: str
    request: Request
    packets: list[str] = field(default_factory=list)

    def send(self, message: Message) -> None:
        self.packets.append(pack(message))


def open_session(engine: Engine) -> Response:
    """Open a session. Raises UnreachableError."""
    try:
        sid = engine.sessions.create()
    except TooManySessionsError:
        return answers.try_again("there are too many sessions; connect with a WebSocket")
    return answers.payload(engine.opening(sid, "websocket"))


def poll(engine: Engine, request: Request, sid: str) -> Response:
    """Wait for packets and return them. Raises UnreachableError."""
    token = new_token()
    held = wait_for_upgrade(engine, sid, token)
    match held.status:
        case "held":
            session = PolledSession(sid, held.memo, held.cursor, request)
            return Hold(engine, session, token).wait()
        case "closed":
            return answers.payload(held.packets)
        case "overlap":
            engine.sessions.close(sid)
            return answers.error(answers.BAD_REQUEST, "two polls of the session at once")
    return answers.error(answers.SESSION_UNKNOWN, "the session is unknown, or has ended")


def post(engine: Engine, request: Request, sid: str) -> Response:
    """Follow the packets of a POST. Raises 400, 413, UnreachableError.

    One that is not allowed ends the session.
    """
    try:
        # Before the lock: a client may take its time to send it, or go in the middle.
        body = request.body()
    except RequestEntityTooLarge:
        engine.sessions.close(sid)
        raise
    token, digest = new_token(), _digest_of(request, body)
    held = engine.sessions.begin_post(sid, token, digest)
    match held.status:
        case "held":
            session = PolledSession(sid, held.memo, held.cursor, request)
            return _follow(engine, session, body, token, digest)
        case "repeated":
            return answers.payload("ok")
        case "busy":
            return answers.try_again("the same packets are being handled")
        case "gone":
            return answers.error(answers.SESSION_UNKNOWN, "the session is unknown, or has ended")
    engine.sessions.close(sid)
    is_behind = held.status == "behind"
    reason = "read your answers first" if is_behind else "two posts of the session at once"
    return answers.error(answers.BAD_REQUEST, reason)


def _follow(
    engine: Engine, session: PolledSession, body: bytes, token: str, digest: str
) -> Response:
    before = dict(session.memo), session.cursor
    try:
        packets = [_parse(engine, packet) for packet in parse_payload(body)]
        goes_on = _receive(engine, session, packets, digest)
    except BadPacketError as error:
        engine.sessions.close(session.sid)
        return answers.error(answers.BAD_REQUEST, str(error))
    except Exception:
        engine.sessions.close(session.sid)
        raise
    if not goes_on:
        engine.sessions.leave(session.sid)
        return answers.payload("ok")
    is_connected = engine.layer.is_connected(session)
    after = session.memo, session.cursor
    engine.sessions.end_post(
        session.sid,
        token,
        digest,
        SEPARATOR.join(session.packets),
        after if after != before else None,
        cursor_before=before[1],
        has_pong=any(kind == PONG for kind, _ in packets),
        is_connected=is_connected,
    )
    return answers.payload("ok")


def _parse(engine: Engine, packet: str | bytes) -> tuple[str, Any]:
    """Return a packet's kind, and what its message says. Raises BadPacketError."""
    if isinstance(packet, bytes):
        return MESSAGE, engine.layer.parse(packet)
    is_message = packet.startswith(MESSAGE)
    return packet[:1], engine.layer.parse(packet[1:]) if is_message else None


def _receive(
    engine: Engine, session: PolledSession, packets: list[tuple[str, Any]], digest: str
) -> bool:
    """Follow the packets; return False if the client closes the session."""
    for number, (kind, said) in enumerate(packets):
        if kind == CLOSE:
            return False
        if kind == MESSAGE:
            key = f"{session.sid}.{digest}.{number}" if digest else ""
            engine.layer.receive(session, said, key)
    return True


def _digest_of(request: Request, body: bytes) -> str:
    """Return a digest that a repeated request shares with the first; "" if it has no stamp."""
    stamp = request.args.get(STAMP)
    if not stamp:
        return ""
    return hashlib.sha256(stamp.encode() + b"\n" + body).hexdigest()[:32]

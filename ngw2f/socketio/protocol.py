"""Socket.IO 5 over Engine.IO: namespaces, events and acknowledgements."""

from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from ngw2f.http import Request
from ngw2f.socketio.layers import Session, Stream
from ngw2f.socketio.packets import (
    ACK,
    CONNECT,
    DISCONNECT,
    ERROR,
    EVENT,
    BadPacketError,
    Message,
    Packet,
    attach,
    encode,
    parse_message,
)

# How long a client has to connect, as in the reference implementation.
CONNECT_SECONDS = 45.0
# What is remembered of a session: what the application needs of each namespace; that it has been
# connected; and a packet whose attachments are still to come.
IN_NAMESPACE, EVER, PART = "in:", "ever", "part"


class RefusedError(Exception):
    """The application refuses a connection; the message says why."""


@dataclass(frozen=True, slots=True)
class Welcome:
    """A connection to a namespace."""

    # What CONNECT's answer says.
    answer: dict[str, Any]
    # What the application needs to know later.
    state: str = ""
    # After which event of the log the client continues; "": it gets none.
    cursor: str = ""
    events: tuple[list[Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to an event."""

    events: tuple[list[Any], ...] = ()
    # The values of the acknowledgement.
    values: list[Any] = field(default_factory=list)


class App(Protocol):
    namespaces: frozenset[str]
    # How many attachments, and bytes in them, a packet may have.
    max_attachments: int
    max_attached_bytes: int

    def connect(self, namespace: str, auth: dict[str, Any], request: Request) -> Welcome:
        """Welcome a client. Raises RefusedError."""

    def receive(
        self, namespace: str, state: str, event: list[Any], key: str, *, is_asked: bool
    ) -> Reply:
        """Handle an event; *is_asked*: the client waits for an acknowledgement."""

    def stream(self, state: str, cursor: str, *, as_frames: bool) -> Stream | None:
        """Return the events after a cursor; None if the client may not have them any more."""


class SocketIO:
    """The layer that turns messages into what an application understands."""

    def __init__(self, app: App, connect_seconds: float | None = CONNECT_SECONDS) -> None:
        self._app = app
        self.connect_seconds = connect_seconds

    def parse(self, message: Message) -> Packet | bytes:
        """Return the packet in a message. Raises BadPacketError."""
        packet = message if isinstance(message, bytes) else parse_message(message)
        count = 1 if isinstance(packet, bytes) else packet.attachments
        if count > self._app.max_attachments:
            raise BadPacketError(
                "a packet has too many attachments"
                if self._app.max_attachments
                else "no event takes binary attachments"
            )
        return packet

    def receive(self, session: Session, said: Packet | bytes, key: str) -> None:
        """Follow a packet. Raises BadPacketError."""
        if isinstance(said, bytes):
            packet = self._complete(session, said)
            if packet is None:
                return
        elif PART in session.memo:
            raise BadPacketError("an attachment is missing")
        elif said.attachments:
            session.memo[PART] = _packed(said, [])
            return
        else:
            packet = said
        self._follow(session, packet, key)

    def is_connected(self, session: Session) -> bool:
        return EVER in session.memo

    def stream(self, session: Session, *, as_frames: bool) -> Stream | None:
        state = session.memo.get(f"{IN_NAMESPACE}/", "")
        return self._app.stream(state, session.cursor, as_frames=as_frames)

    def _follow(self, session: Session, packet: Packet, key: str) -> None:
        name = IN_NAMESPACE + packet.namespace
        if packet.kind == CONNECT:
            if name not in session.memo:
                self._connect(session, packet)
        elif name not in session.memo:
            raise BadPacketError("the client is not connected to the namespace")
        elif packet.kind == DISCONNECT:
            del session.memo[name]
            if packet.namespace == "/":
                session.cursor = ""
        elif packet.kind == EVENT:
            self._handle(session, packet, key)
        # Acknowledgements are ignored: we ask for none.

    def _connect(self, session: Session, packet: Packet) -> None:
        namespace = packet.namespace
        if namespace not in self._app.namespaces:
            _say(session, ERROR, namespace, {"message": "Invalid namespace"})
            return
        try:
            welcome = self._app.connect(namespace, packet.content or {}, session.request)
        except RefusedError as error:
            _say(session, ERROR, namespace, {"message": str(error)})
            return
        session.memo[IN_NAMESPACE + namespace] = welcome.state
        session.memo[EVER] = ""
        if namespace == "/":
            session.cursor = welcome.cursor
        _say(session, CONNECT, namespace, welcome.answer)
        for event in welcome.events:
            _say(session, EVENT, namespace, event)

    def _handle(self, session: Session, packet: Packet, key: str) -> None:
        state, is_asked = session.memo[IN_NAMESPACE + packet.namespace], packet.ack_id is not None
        reply = self._app.receive(packet.namespace, state, packet.content, key, is_asked=is_asked)
        for event in reply.events:
            _say(session, EVENT, packet.namespace, event)
        if is_asked:
            _say(session, ACK, packet.namespace, reply.values, packet.ack_id)

    def _complete(self, session: Session, attachment: bytes) -> Packet | None:
        """Return the packet of which this is the last attachment. Raises BadPacketError."""
        part = session.memo.pop(PART, None)
        if part is None:
            raise BadPacketError("no packet has an attachment")
        kind, namespace, ack_id, content, count, texts = msgspec.json.decode(part)
        texts.append(b64encode(attachment).decode())
        if sum(map(len, texts)) > self._app.max_attached_bytes * 4 / 3 + 4:
            raise BadPacketError("the attachments are too long")
        packet = Packet(kind, namespace, ack_id, content, count)
        if len(texts) < count:
            session.memo[PART] = _packed(packet, texts)
            return None
        content = attach(content, [b64decode(text) for text in texts])
        return Packet(kind, namespace, ack_id, content)


def _packed(packet: Packet, texts: list[str]) -> str:
    values = (packet.kind, packet.namespace, packet.ack_id, packet.content, packet.attachments)
    return msgspec.json.encode([*values, texts]).decode()


def _say(
    session: Session, kind: str, namespace: str, content: Any, ack_id: int | None = None
) -> None:
    for message in encode(kind, namespace, content, ack_id):
        session.send(message)

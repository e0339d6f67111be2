"""The WebSocket: what happens, and a way back for posts, typing and pings."""

import contextlib
import logging
from typing import Annotated, Any

import gevent
import msgspec
from msgspec import Meta
from simple_websocket import ConnectionClosed, Server
from werkzeug.exceptions import HTTPException

from middleware.request_id import KEY as REQUEST_ID
from ngw2f.errors import DomainError
from ngw2f.http import Request, Response
from ngw2f.live.entry import EntryId
from ngw2f.live.formats import WebSocketFrames, text_frame
from ngw2f.live.subscription import Ending, Subscription
from ngw2f.observe.tracing import following
from ngw2f.resources import Message
from ngw2f.store.users import UserRow
from ngw2f.web import auth, messages
from ngw2f.web.errors import (
    DATABASE_ERRORS,
    database_problem,
    http_error,
    one_line,
    unauthorized,
)
from ngw2f.web.events import subscribe
from ngw2f.web.frames import WebSocketServer
from ngw2f.web.rooms import load, tell_typing
from ngw2f.web.services import Services
from ngw2f.web.upgrade import (
    CLOSE_SECONDS,
    FrameSocket,
    SwitchingProtocols,
    handshake_of,
    has_much_unheard,
    take_over,
)

# So many answers to a client's messages, and bytes in them, wait; then it has to.
MAX_UNSAID = 16
MAX_UNSAID_BYTES = 64 * 1024
# Of what a client sent, so much comes back in a sentence on what was wrong with it.
MAX_QUOTED = 50
# A client that was away says so in its first message; for so long nothing is sent
# that this message could turn out to be about.
RESUME_SECONDS = 1.0

# Close codes (RFC 6455 section 7.4.1, and IANA's registry for 1012).
SERVICE_RESTART = 1012
POLICY_VIOLATION = 1008
CLOSE_CODES = {Ending.DRAINED: SERVICE_RESTART, Ending.REVOKED: POLICY_VIOLATION}

log = logging.getLogger(__name__)


# What a client calls a post by: it comes back with the answer.
ClientId = (
    Annotated[str, Meta(min_length=1, max_length=255)]
    | Annotated[int, Meta(ge=-(2**53), le=2**53)]
    | None
)


class FromClient(msgspec.Struct):
    """What a client sends; `type` says which of the other fields mean something."""

    type: str
    room_id: int = 0
    source: str = ""
    client_id: ClientId = None
    after: str = ""


class Posted(msgspec.Struct):
    client_id: ClientId
    message: Message


class Refused(msgspec.Struct):
    client_id: ClientId
    status: int
    detail: str


class Answer(msgspec.Struct):
    """What answers a client's message, in the shape of an event; `id` is where the client is."""

    id: str
    event: str
    data: Posted | Refused | dict[str, str]


def connect(services: Services, request: Request) -> Response:
    environ, sock = take_over(request)
    reader = auth.find_reader(services, request)
    after = request.args.get("after")

    def run() -> None:
        subscription = None
        try:
            subscription = subscribe(services, request, WebSocketFrames(), reader, after)
            limit = services.core.settings.max_body_bytes
            server = WebSocketServer(handshake_of(environ), max_message_size=limit)
            conversation = Conversation(services, reader, subscription, server, sock)
            with following(environ.get(REQUEST_ID, "")):
                conversation.run(holds=after is None)
        finally:
            if subscription:
                subscription.close()
            sock.close()

    return SwitchingProtocols(run)


class Conversation:
    """One client's WebSocket: this greenlet reads, another one writes."""

    def __init__(
        self,
        services: Services,
        reader: UserRow | None,
        subscription: Subscription,
        server: Server,
        sock: FrameSocket,
    ) -> None:
        self._services = services
        self._reader = reader
        self._subscription = subscription
        self._server = server
        self._socket = sock

    def run(self, *, holds: bool) -> None:
        """Talk until one of the two ends it. *holds*: the client may still say where it was."""
        self._socket.is_behind = self._is_behind
        with contextlib.suppress(ConnectionClosed):
            first = self._server.receive(timeout=RESUME_SECONDS) if holds else None
            if first is not None:
                self._hear(first)
        writer = gevent.spawn(self._write)
        with contextlib.suppress(ConnectionClosed):
            while True:
                self._hear(self._server.receive())
                # Much may have come at once; others have their turn between two messages.
                self._socket.wait_turn()
        self._subscription.end(Ending.CLOSED)
        writer.join(CLOSE_SECONDS)

    def _is_behind(self) -> bool:
        """Say whether the client sends quicker than it is answered, or than it reads that."""
        said, size = self._subscription.unsaid
        return said >= MAX_UNSAID or size >= MAX_UNSAID_BYTES or has_much_unheard(self._server)

    def _write(self) -> None:
        try:
            while chunk := self._subscription.next_chunk():
                self._socket.send(chunk)
            code = CLOSE_CODES.get(self._subscription.ending or Ending.CLOSED)
            if code is not None:
                self._server.close(code)
                gevent.sleep(CLOSE_SECONDS)
        except (OSError, ConnectionClosed):
            pass  # The client has gone; the reading greenlet learns of it too.
        except Exception as error:
            log.error("a WebSocket is ended: %s", one_line(error))
        # Ends the library's reading, and with it ours.
        self._socket.close()

    def _hear(self, text: str | bytes) -> None:
        told = None
        try:
            told = msgspec.json.decode(text, type=FromClient)
            self._follow(told)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._refuse(told, 400, str(error))
        except (DomainError, HTTPException) as raised:
            refusal = http_error(raised)
            self._refuse(told, refusal.code or 500, refusal.description or "")
        except DATABASE_ERRORS as error:
            self._refuse(told, 503, database_problem(error).description or "")
        except Exception as error:
            # The connection has switched protocols: the error boundary could not say it.
            log.error("what came over a WebSocket cannot be followed: %s", one_line(error))
            self._refuse(told, 500, "something went wrong on our side, and has been logged")

    def _follow(self, told: FromClient) -> None:
        match told.type:
            case "resume":
                self._subscription.resume(told.after)
            case "ping":
                if self._reader:
                    self._services.actions.sessions.be_present(self._reader)
                self._answer("pong", {})
            case "post":
                message = messages.post_live(*self._place(told), told.source, told.client_id)
                self._answer("posted", Posted(told.client_id, message))
            case "typing":
                tell_typing(*self._place(told))
            case other:
                self._refuse(told, 400, f"there is no type {other[:MAX_QUOTED]!r}")

    def _place(self, told: FromClient) -> tuple[Services, Any, UserRow]:
        """Return the services, the room and the user of what is told. Raises 401, 404."""
        if self._reader is None:
            raise unauthorized("sign in, or send a token")
        with self._services.core.database.reading() as connection:
            return self._services, load(connection, told.room_id, self._reader), self._reader

    def _refuse(self, told: FromClient | None, status: int, detail: str) -> None:
        self._answer("error", Refused(told.client_id if told else None, status, detail))

    def _answer(self, event: str, data: Posted | Refused | dict[str, str]) -> None:
        position: EntryId = self._subscription.last_id
        answer = msgspec.json.encode(Answer(str(position), event, data))
        self._subscription.say(text_frame(answer))

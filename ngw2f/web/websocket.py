"""The WebSocket: sends events, and receives posts, typing and pings."""

import contextlib
import logging
from typing import Annotated

import msgspec
from msgspec import Meta

from middleware.request_id import KEY as REQUEST_ID
from ngw2f.api_resources import Message
from ngw2f.errors import DomainError, Unauthenticated
from ngw2f.http import Request, Response
from ngw2f.json_input import decode
from ngw2f.live.entry import EntryId
from ngw2f.live.formats import DeflatedFrames, WebSocketFrames, text_frame
from ngw2f.live.subscription import Ending, Subscription
from ngw2f.observe.tracing import following
from ngw2f.store.users import UserRow
from ngw2f.web import auth, idempotency
from ngw2f.web.choice import choice_of
from ngw2f.web.deflate import agree
from ngw2f.web.errors import DATABASE_ERRORS, database_problem, http_error, one_line
from ngw2f.web.events import subscribe
from ngw2f.web.frames import ConnectionClosed, FrameLimit, WebSocketServer
from ngw2f.web.messages import FileIds, MessageId
from ngw2f.web.services import Services
from ngw2f.web.upgrade import FrameSocket, SwitchingProtocols, handshake_of, take_over
from ngw2f.web.writer import Writer

# While this many answers, or bytes of them, wait for a client, nothing more is read from it.
MAX_UNSAID = 16
MAX_UNSAID_BYTES = 64 * 1024
# An error quotes at most this many characters of what the client sent.
MAX_QUOTED = 50
# A client that reconnects may say in its first message which event it saw last. Until this time
# is over, no event is sent: the client may have seen it.
RESUME_SECONDS = 1.0

# Close codes (RFC 6455 section 7.4.1, and IANA's registry for 1012).
SERVICE_RESTART = 1012
POLICY_VIOLATION = 1008
CLOSE_CODES = {Ending.DRAINED: SERVICE_RESTART, Ending.REVOKED: POLICY_VIOLATION}

log = logging.getLogger(__name__)


# A client's own id for its post, which the answer repeats.
ClientId = (
    Annotated[str, Meta(min_length=1, max_length=255)]
    | Annotated[int, Meta(ge=-(2**53), le=2**53)]
    | None
)


class FromClient(msgspec.Struct):
    """What a client sends; `type` decides which of the other fields count."""

    type: str
    room_id: int = 0
    source: str = ""
    reply_to: MessageId | None = None
    file_ids: FileIds = ()
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
    """An answer to a client, in the shape of an event; `id` is the last event before it."""

    id: str
    event: str
    data: Posted | Refused | dict[str, str]


def connect(services: Services, request: Request) -> Response:
    environ, sock = take_over(request)
    handshake, request_id = handshake_of(environ), environ.get(REQUEST_ID, "")
    reader = auth.find_listener(services, request)
    after = request.args.get("after")
    choice_of(services, request, reader)
    agreement = agree(request.headers.get("Sec-WebSocket-Extensions", ""))

    def run() -> None:
        subscription = None
        try:
            form = DeflatedFrames(agreement.window_bits) if agreement else WebSocketFrames()
            subscription = subscribe(services, request, form, reader, after)
            limit = services.core.settings.max_body_bytes
            server = WebSocketServer(handshake, limit, agreement, FrameLimit())
            conversation = Conversation(services, reader, subscription, server, sock)
            with following(request_id):
                conversation.run(holds=after is None)
        finally:
            if subscription:
                subscription.close()
            sock.close()

    return SwitchingProtocols(run)


class Conversation:
    """One client's WebSocket: a greenlet reads, and the event loop writes (writer.py)."""

    def __init__(
        self,
        services: Services,
        reader: UserRow | None,
        subscription: Subscription,
        server: WebSocketServer,
        sock: FrameSocket,
    ) -> None:
        self._services = services
        self._reader = reader
        self._subscription = subscription
        self._server = server
        self._socket = sock

    def run(self, *, holds: bool) -> None:
        """Read and write until one side ends it.

        *holds*: wait first for a message that says which event the client saw last.
        """
        self._socket.is_behind = self._is_behind
        with contextlib.suppress(ConnectionClosed):
            first = self._server.receive(timeout=RESUME_SECONDS) if holds else None
            if first is not None:
                self._receive(first)
        # From here on everything takes the same way, and keeps its order.
        self._server.write = self._subscription.say
        writer = Writer(self._subscription, self._socket, self._close)
        with contextlib.suppress(ConnectionClosed):
            while True:
                self._receive(self._server.receive() or "")
                # Many messages may have arrived at once: let other greenlets run between them.
                self._socket.wait_turn()
        writer.finish()
        self._subscription.end(Ending.CLOSED)
        self._socket.close_gently()

    def _is_behind(self) -> bool:
        """Return whether the client sends faster than it is answered, or than it reads answers."""
        said, size = self._subscription.unsaid
        return said >= MAX_UNSAID or size >= MAX_UNSAID_BYTES

    def _close(self) -> None:
        """Send a close frame that says why the subscription has ended."""
        code = CLOSE_CODES.get(self._subscription.ending or Ending.CLOSED)
        if code is not None:
            self._server.close(code)

    def _receive(self, text: str | bytes) -> None:
        sent = None
        try:
            sent = decode(text, FromClient)
            self._handle(sent)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._refuse(sent, 400, str(error))
        except DomainError as error:
            self._refuse(sent, http_error(error).code or 500, error.detail)
        except DATABASE_ERRORS as error:
            self._refuse(sent, 503, database_problem(error).description or "")
        except Exception as error:
            # After the switch of protocols the error boundary cannot answer.
            log.error("handling a WebSocket message failed: %s", one_line(error))
            self._refuse(sent, 500, "something went wrong on our side, and has been logged")

    def _handle(self, sent: FromClient) -> None:
        actions = self._services.actions
        match sent.type:
            case "resume":
                self._subscription.resume(sent.after)
            case "ping":
                if self._reader:
                    self._services.actions.sessions.be_present(self._reader)
                self._answer("pong", {})
            case "post":
                user, key = self._user(), idempotency.key_of_client(sent.client_id)
                posted = actions.messages.post(
                    user,
                    sent.room_id,
                    sent.source,
                    key=key,
                    reply_to=sent.reply_to,
                    file_ids=sent.file_ids,
                )
                self._answer("posted", Posted(sent.client_id, posted.message))
            case "typing":
                actions.rooms.type_in(self._user(), sent.room_id)
            case other:
                self._refuse(sent, 400, f"there is no type {other[:MAX_QUOTED]!r}")

    def _user(self) -> UserRow:
        """Return the user of the connection. Raises Unauthenticated.

        The connection ends when its token is revoked, but while Redis is unreachable not at once.
        """
        reader, sessions = self._reader, self._services.actions.sessions
        user = sessions.find_user_of(reader.token_digest) if reader else None
        if user is None:
            raise Unauthenticated("sign in, or send a token")
        return user

    def _refuse(self, sent: FromClient | None, status: int, detail: str) -> None:
        self._answer("error", Refused(sent.client_id if sent else None, status, detail))

    def _answer(self, event: str, data: Posted | Refused | dict[str, str]) -> None:
        position: EntryId = self._subscription.last_id
        answer = msgspec.json.encode(Answer(str(position), event, data))
        self._subscription.say(text_frame(answer))

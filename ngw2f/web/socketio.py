"""Socket.IO, by polling at any worker and over WebSockets: what the chat does with its events.

Clients send `ping_user(token)`, `post_message({source, room_id, reply_to, file_ids}, token)` and
`typing({room_id}, token)`; they receive `updated_model({class, model, event, id}, id)`. Without a
room it is the lobby, without a token that of the connection. A client that reconnects gets what it
has missed: the official ones recover by themselves, others say in `auth` which `id` they saw last:
`{token, after}`.
"""

import hashlib
import logging
from collections.abc import Callable
from functools import cached_property, partial
from types import NoneType
from typing import Any

import msgspec
from redis import Redis

from ngw2f.broker.connection import connect
from ngw2f.errors import DomainError, Invalid
from ngw2f.http import Request, Response, problem
from ngw2f.json_input import whole_number
from ngw2f.live.choice import parse_choice
from ngw2f.live.entry import EntryId
from ngw2f.live.formats import SOCKETIO_FRAMES, SOCKETIO_PACKETS
from ngw2f.live.subscription import Subscription
from ngw2f.socketio.engine import build_engine
from ngw2f.socketio.protocol import RefusedError, Reply, SocketIO, Welcome
from ngw2f.socketio.recovery import Recovery
from ngw2f.socketio.server import Server
from ngw2f.store.rooms import LOBBY_ID, created_at
from ngw2f.store.tokens import digest_of
from ngw2f.store.users import UserRow
from ngw2f.web import auth, idempotency
from ngw2f.web.choice import choice_of
from ngw2f.web.errors import DATABASE_ERRORS, database_problem, http_error, one_line
from ngw2f.web.live_socket import switch_with
from ngw2f.web.messages import FileIds
from ngw2f.web.origins import may_connect
from ngw2f.web.services import Services
from ngw2f.web.websocket import ClientId

# How long the connection that wakes polls waits for an answer of Redis.
TIMEOUT_SECONDS = 10.0
OUR_SIDE = "something went wrong on our side, and has been logged"
EXPIRED = ["expired_token"]

log = logging.getLogger(__name__)

# What a client says with an event, and its answer.
Said = dict[str, Any]
# Does what an event asks for: by whom, with what, under which key if the client repeats it.
Do = Callable[[UserRow, Said, str], Said]


class SocketIOGateway:
    """The Socket.IO server of one process."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def serve(self, _services: Services, request: Request) -> Response:
        """Answer a request of Engine.IO. Raises 400, 403, 413, 426, 501."""
        return self._server.serve(request)

    @cached_property
    def _server(self) -> Server:
        """The server, built at the first request: after the fork, so that no two share a name."""
        settings, broker = self._services.core.settings, self._services.core.broker
        engine = build_engine(
            SocketIO(ChatApp(self._services)),
            switch_with(settings.max_body_bytes),
            lambda commands: broker.attempt(commands, None, is_patient=True),
            partial[Redis](connect, settings, TIMEOUT_SECONDS),
            broker.prefix,
            settings.max_body_bytes,
        )
        return Server(engine, check_origin)


class ChatApp:
    """What the chat says and does over Socket.IO."""

    namespaces = frozenset({"/"})
    # No event takes any.
    max_attachments = max_attached_bytes = 0

    def __init__(self, services: Services) -> None:
        self._services = services
        self._events: dict[str, Do] = {"post_message": self._post, "typing": self._publish_typing}

    def connect(self, _namespace: str, auth: Said, request: Request) -> Welcome:
        """Welcome a client as the user of its token or cookie. Raises RefusedError."""
        try:
            return self._welcome(request, auth)
        except DATABASE_ERRORS as error:
            raise RefusedError(database_problem(error).description) from error
        except RefusedError:
            raise
        except Exception as error:
            log.error("refusing a Socket.IO client after an error: %s", one_line(error))
            raise RefusedError(OUR_SIDE) from error

    def receive(
        self, _namespace: str, state: str, event: list[Any], key: str, *, is_asked: bool
    ) -> Reply:
        """Handle an event of a client."""
        name, *values = event
        do = self._events.get(name)
        if do is not None:
            said, token, *_ = *values, None, None
            return self._handle(do, state, said, token, key)
        if name == "ping_user":
            return self._note_presence(state, values[0] if values else None)
        return _failed("there is no such event", 404)

    def stream(self, state: str, cursor: str, *, as_frames: bool) -> Subscription | None:
        """Return a subscription; None if the token of the connection is not valid any more."""
        digest, rooms, events = _unpacked(state)
        user = self._services.actions.sessions.find_user_of(digest) if digest else None
        if user is None and (digest or not self._services.core.settings.anonymous_read):
            return None
        form = SOCKETIO_FRAMES if as_frames else SOCKETIO_PACKETS
        return self._services.hub.subscribe(
            form, user.id if user else None, digest or None, cursor, parse_choice(rooms, events)
        )

    @cached_property
    def _recovery(self) -> Recovery:
        """How connections recover: with a key that all who share the log have in common.

        It need not be a secret, because a pid proves no right.
        """
        with self._services.core.database.reading() as connection:
            begun_at = created_at(connection, LOBBY_ID)
        return Recovery(hashlib.sha256(f"recovery {begun_at!r}".encode()).digest())

    def _welcome(self, request: Request, said: Said) -> Welcome:
        if type(said.get("token")) not in (str, NoneType):
            raise RefusedError("token must be text")
        token = said.get("token") or auth.token_of(request) or ""
        reader = self._services.actions.sessions.find_user(token)
        if reader is None and (
            said.get("token") or not self._services.core.settings.anonymous_read
        ):
            raise RefusedError(
                "the token is unknown, revoked or expired" if token else "sign in to read"
            )
        after = said.get("after")
        if type(after) not in (str, int, NoneType):
            raise RefusedError("after must be the id of an event")
        try:
            choice_of(self._services, request, reader)
        except DomainError as error:
            raise RefusedError(error.detail) from error
        self._services.hub.load()
        pid, cursor = self._place_of(said, str(after) if after else "")
        answer = {"sid": self._recovery.sid_of(pid), "pid": pid}
        return Welcome(answer, _packed(digest_of(token) if reader else b"", request), cursor)

    def _place_of(self, said: Said, after: str) -> tuple[str, str]:
        """Return the pid of a client, and after which event it continues."""
        pid, offset = said.get("pid"), said.get("offset")
        start = self._recovery.start_of(pid) if isinstance(pid, str) else None
        if isinstance(pid, str) and start is not None:
            cursor = offset if isinstance(offset, str) else start
            place = EntryId.parse(cursor)
            if place is not None and self._services.hub.reaches(place):
                return pid, cursor
            # Too old: it is told by a new pid, and by `resync`.
            after = after or cursor
        cursor = after or str(self._services.hub.position)
        # Until the first event, the pid alone says where the client is: at what it named, too.
        return self._recovery.new_pid(str(EntryId.parse(cursor) or EntryId(0))), cursor

    def _handle(self, do: Do, state: str, said: object, token: object, key: str) -> Reply:
        """Call *do* with the user and what the client said, and return the answer."""
        try:
            user = self._user_of(state, token)
            if user is None:
                error = {"error": "sign in, or send a token", "status": 401}
                return Reply((EXPIRED,), [error])
            return Reply(values=[do(user, said if isinstance(said, dict) else {}, key)])
        except DomainError as error:
            return _failed(error.detail, http_error(error).code)
        except DATABASE_ERRORS as error:
            return _failed(database_problem(error).description, 503)
        except Exception as error:
            log.error("handling a Socket.IO event failed: %s", one_line(error))
            return _failed(OUR_SIDE, 500)

    def _note_presence(self, state: str, token: object) -> Reply:
        try:
            user = self._user_of(state, token)
            if user is None:
                return Reply((EXPIRED,), [])
            self._services.actions.sessions.be_present(user)
        except Exception as error:
            # Presence is noted again in a minute.
            log.error("noting the presence of a Socket.IO client failed: %s", one_line(error))
        return Reply()

    def _post(self, user: UserRow, said: Said, key: str) -> Said:
        source = said.get("source")
        if not isinstance(source, str):
            raise Invalid("source must be text")
        client_id = _client_id_of(said)
        own_key = idempotency.key_of_client(client_id)
        posted = self._services.actions.messages.post(
            user,
            _room_id_of(said),
            source,
            key=own_key or key or None,
            reply_to=_answered_by(said),
            file_ids=_files_of(said),
        )
        message: Said = msgspec.to_builtins(posted.message)
        return message

    def _publish_typing(self, user: UserRow, said: Said, _key: str) -> Said:
        self._services.actions.rooms.type_in(user, _room_id_of(said))
        return {}

    def _user_of(self, state: str, token: object) -> UserRow | None:
        """Return who sent an event: the user of its token, or of the connection."""
        sessions = self._services.actions.sessions
        if not token:
            digest, *_ = _unpacked(state)
            return sessions.find_user_of(digest) if digest else None
        return sessions.find_user(token) if isinstance(token, str) else None


def _packed(digest: bytes, request: Request) -> str:
    """Return what is kept of a connection: the token's digest, and what it chooses to hear."""
    kept = (digest.hex(), request.args.getlist("rooms"), request.args.getlist("events"))
    return msgspec.json.encode(kept).decode()


def _unpacked(state: str) -> tuple[bytes, list[str], list[str]]:
    digest, rooms, events = msgspec.json.decode(state, type=tuple[str, list[str], list[str]])
    return bytes.fromhex(digest), rooms, events


def check_origin(request: Request) -> None:
    """Raise 400 for a page of another origin."""
    if not may_connect(request.environ):
        raise problem(400, "pages of another origin may not connect")


def _failed(detail: str | None, status: int | None) -> Reply:
    return Reply(values=[{"error": detail, "status": status}])


def _room_id_of(said: Said) -> int:
    """Return the room's id that a client sent; the lobby's if it sent none. Raises Invalid."""
    room_id = whole_number(said.get("room_id"))
    if room_id is None:
        return LOBBY_ID
    # A post for another room must not reach the lobby; True is an int.
    if type(room_id) is not int:
        raise Invalid("room_id must be a whole number")
    return room_id


def _answered_by(said: Said) -> int | None:
    """Return the message that a post answers, if it says so. Raises Invalid."""
    answered = whole_number(said.get("reply_to"))
    if answered is not None and type(answered) is not int:
        raise Invalid("reply_to must be a whole number")
    return answered


def _files_of(said: Said) -> tuple[int, ...]:
    """Return the files of a post. Raises Invalid."""
    file_ids = said.get("file_ids", ())
    if isinstance(file_ids, list):
        file_ids = [whole_number(file_id) for file_id in file_ids]
    try:
        return msgspec.convert(file_ids, FileIds)
    except msgspec.ValidationError as error:
        raise Invalid("file_ids must be a list of ids of files") from error


def _client_id_of(said: Said) -> object:
    """Return a client's id of its post. Raises Invalid unless it can be one."""
    client_id = said.get("client_id")
    try:
        msgspec.convert(client_id, ClientId)
    except msgspec.ValidationError as error:
        raise Invalid(f"client_id: {error}") from error
    return client_id

"""Socket.IO, by python-socketio: over WebSockets, or by polling if one process gets all requests.

Clients send `ping_user(token)`, `post_message({source, room_id}, token)` and
`typing({room_id}, token)`; they receive `updated_model({class, model, event, id})`. Without a room
it is the lobby, without a token that of the connection. A client that reconnects says in `auth`
which `id` it saw last: `{token, after}`.
"""

import logging
from collections.abc import Callable
from types import NoneType
from typing import Any
from wsgiref.types import WSGIEnvironment

import gevent
import msgspec
from engineio.exceptions import SocketIsClosedError
from engineio.packet import MESSAGE, Packet
from socketio.exceptions import ConnectionRefusedError as Refused

from middleware.request_id import KEY as REQUEST_ID
from ngw2f.errors import DomainError, Invalid
from ngw2f.http import Request, Response
from ngw2f.live.choice import Choice
from ngw2f.live.formats import SocketIOPackets
from ngw2f.live.subscription import Ending, Subscription
from ngw2f.observe.tracing import following
from ngw2f.store.rooms import LOBBY_ID
from ngw2f.store.tokens import digest_of
from ngw2f.store.users import UserRow
from ngw2f.web import auth, idempotency
from ngw2f.web.choice import choice_of
from ngw2f.web.engine_requests import QUERY, EngineRequests
from ngw2f.web.engineio import StrictServer
from ngw2f.web.errors import DATABASE_ERRORS, database_problem, http_error, one_line
from ngw2f.web.services import Services
from ngw2f.web.websocket import ClientId

NAMESPACE = "/"
# At most this many packets, and bytes, wait in Engine.IO for a client; the rest waits in the
# hub's feed.
MAX_QUEUED = 100
MAX_QUEUED_BYTES = 128 * 1024
PAUSE_SECONDS = 0.05
# A client that reads nothing for this long is disconnected.
STALL_SECONDS = 30.0
# A close frame with the code "service restart" (RFC 6455 section 5.5.1, IANA's code 1012).
CLOSE_FOR_RESTART = b"\x88\x02\x03\xf4"

log = logging.getLogger(__name__)


class SocketIOGateway:
    """The Socket.IO server of one process: each client has a subscription of the hub."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._server = StrictServer(services.core.settings.max_body_bytes)
        self._engine = EngineRequests(self._server)
        self._subscriptions: dict[str, Subscription] = {}
        self._tokens: dict[str, str] = {}
        self._server.on("connect", self._connect)
        self._server.on("disconnect", self._disconnect)
        self._server.on("ping_user", self._ping_user)
        self._server.on("post_message", self._post_message)
        self._server.on("typing", self._type_in)

    def serve(self, services: Services, request: Request) -> Response:
        """Hand the request to Engine.IO. Raises 400, 403, 413, 426, 501, 503."""
        return self._engine.serve(request, can_poll=can_poll(services, request))

    def _connect(self, sid: str, environ: WSGIEnvironment, said: object = None) -> None:
        """Subscribe a client. Raises Refused."""
        try:
            self._subscribe(sid, Request(environ), said if isinstance(said, dict) else {})
        except DATABASE_ERRORS as error:
            raise Refused(database_problem(error).description) from error
        except Refused:
            raise
        except Exception as error:
            # The library forgets a client only if it is refused.
            log.error("refusing a Socket.IO client after an error: %s", one_line(error))
            raise Refused("something went wrong on our side, and has been logged") from error

    def _subscribe(self, sid: str, request: Request, said: dict[str, Any]) -> None:
        """Subscribe a client as the user of its token or cookie. Raises Refused."""
        if type(said.get("token")) not in (str, NoneType):
            raise Refused("token is text")
        token = said.get("token") or auth.token_of(request) or ""
        reader = self._find_user(token)
        if reader is None and (said.get("token") or not self.services.core.settings.anonymous_read):
            raise Refused(
                "the token is unknown, revoked or expired" if token else "sign in to read"
            )
        after = said.get("after")
        if type(after) not in (str, int, NoneType):
            raise Refused("after is the id of an event")
        subscription = self.services.hub.subscribe(
            SocketIOPackets(),
            reader.id if reader else None,
            digest_of(token) if reader else None,
            str(after) if after else None,
            self._choice_of(request, reader),
        )
        session = self._server.manager.eio_sid_from_sid(sid, NAMESPACE)
        if self._server.find(session) is None:
            subscription.close()
            raise Refused("the client has gone")
        self._subscriptions[sid] = subscription
        self._tokens[sid] = token
        gevent.spawn(self._pump, sid, session, subscription)

    def _choice_of(self, request: Request, reader: UserRow | None) -> Choice:
        """Return what the address of the connection chooses to hear. Raises Refused."""
        own = Request({**request.environ, "QUERY_STRING": request.environ.get(QUERY, "")})
        try:
            return choice_of(self.services, own, reader)
        except DomainError as error:
            raise Refused(error.detail) from error

    def _disconnect(self, sid: str, *_reason: object) -> None:
        subscription = self._subscriptions.pop(sid, None)
        self._tokens.pop(sid, None)
        if subscription:
            subscription.end(Ending.CLOSED)
            subscription.close()

    def _ping_user(self, sid: str, token: object = "", *_more: object) -> None:
        user = self._user_of(sid, token)
        if user:
            self.services.actions.sessions.be_present(user)

    def _post_message(
        self, sid: str, said: object = None, token: object = "", *_more: object
    ) -> dict[str, Any]:
        """Store a message; return it, or what is wrong with it."""
        return self._handle(sid, self._post, said, token)

    def _type_in(
        self, sid: str, said: object = None, token: object = "", *_more: object
    ) -> dict[str, Any]:
        """Publish to the others in the room that the user is typing."""
        return self._handle(sid, self._publish_typing, said, token)

    def _handle(
        self,
        sid: str,
        do: Callable[[UserRow, dict[str, Any]], dict[str, Any]],
        said: object,
        token: object,
    ) -> dict[str, Any]:
        """Call *do* with the user and what the client said, and return the answer."""
        try:
            user = self._user_of(sid, token)
            if user is None:
                return {"error": "sign in, or send a token", "status": 401}
            environ = self._server.get_environ(sid) or {}
            with following(environ.get(REQUEST_ID, "")):
                return do(user, said if isinstance(said, dict) else {})
        except DomainError as error:
            return {"error": error.detail, "status": http_error(error).code}
        except DATABASE_ERRORS as error:
            return {"error": database_problem(error).description, "status": 503}
        except Exception as error:
            log.error("handling a Socket.IO event failed: %s", one_line(error))
            text = "something went wrong on our side, and has been logged"
            return {"error": text, "status": 500}

    def _post(self, user: UserRow, said: dict[str, Any]) -> dict[str, Any]:
        source = said.get("source")
        if not isinstance(source, str):
            raise Invalid("source is text")
        _check_client_id(said.get("client_id"))
        key = idempotency.key_of_client(said.get("client_id"))
        posted = self.services.actions.messages.post(user, _room_id_of(said), source, key=key)
        message: dict[str, Any] = msgspec.to_builtins(posted.message)
        return message

    def _publish_typing(self, user: UserRow, said: dict[str, Any]) -> dict[str, Any]:
        self.services.actions.rooms.type_in(user, _room_id_of(said))
        return {}

    def _user_of(self, sid: str, token: object) -> UserRow | None:
        """Return the user who sent an event; if there is none, emit `expired_token`."""
        user = self._find_user(token or self._tokens.get(sid))
        if user is None:
            self._server.emit("expired_token", to=sid)
        return user

    def _find_user(self, token: object) -> UserRow | None:
        return self.services.actions.sessions.find_user(token) if isinstance(token, str) else None

    def _pump(self, sid: str, session: str, subscription: Subscription) -> None:
        """Move packets from the feed to Engine.IO's queue, as fast as the client reads them."""
        while not self._server.manager.is_connected(sid, NAMESPACE):
            if sid not in self._subscriptions:
                return  # The client was refused, or has gone already.
            gevent.sleep(PAUSE_SECONDS)
        try:
            while self._has_room(session) and (chunk := subscription.next_chunk()):
                for packet in chunk.split(SocketIOPackets.separator)[:-1]:
                    self._server.eio.send_packet(session, Packet(MESSAGE, packet.decode()))
        except SocketIsClosedError:
            pass  # The client has gone.
        except Exception as error:
            log.error("disconnecting a Socket.IO client after an error: %s", one_line(error))
        finally:
            self._end(sid, session, subscription)

    def _has_room(self, session: str) -> bool:
        """Wait until the client has read packets; return False if it has gone or does not read."""
        for _ in range(int(STALL_SECONDS / PAUSE_SECONDS)):
            connection = self._server.find(session)
            if connection is None:
                return False
            queue = connection.queue
            if queue.qsize() < MAX_QUEUED and queue.bytes < MAX_QUEUED_BYTES:
                return True
            gevent.sleep(PAUSE_SECONDS)
        return False

    def _end(self, sid: str, session: str, subscription: Subscription) -> None:
        """Close the transport. After Socket.IO's own farewell, clients would not reconnect."""
        self._disconnect(sid)
        connection = self._server.find(session)
        sock = self._server.eio.frame_sockets.pop(session, None)
        if sock:
            if subscription.ending is Ending.DRAINED:
                gevent.spawn(sock.send, CLOSE_FOR_RESTART).join(PAUSE_SECONDS)
            sock.close()
        elif connection:
            connection.close(wait=False)


def can_poll(services: Services, request: Request) -> bool:
    """Return whether all requests of a client reach the same process."""
    return services.core.settings.sticky or not request.environ.get("wsgi.multiprocess")


def _room_id_of(said: dict[str, Any]) -> int:
    """Return the room's id that a client sent; the lobby's if it sent none. Raises Invalid."""
    room_id = said.get("room_id")
    if room_id is None:
        return LOBBY_ID
    # A post for another room must not reach the lobby; True is an int.
    if type(room_id) is not int:
        raise Invalid("room_id is a whole number")
    return room_id


def _check_client_id(client_id: object) -> None:
    """Raise Invalid unless it can be a client's id of its post."""
    try:
        msgspec.convert(client_id, ClientId)
    except msgspec.ValidationError as error:
        raise Invalid(f"client_id: {error}") from error

"""Socket.IO, by python-socketio: over WebSockets, or polling where one process has all.

In come `ping_user(token)`, `post_message({source, room_id}, token)` and
`typing({room_id}, token)`, out goes `updated_model({class, model, event, id})`. The room
is the lobby and the token that of the connection unless they say otherwise. A client that
comes back says in `auth` which `id` it has seen: `{token, after}`.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from weakref import WeakValueDictionary
from wsgiref.types import StartResponse, WSGIEnvironment

import gevent
import msgspec
import socketio
from engineio.async_drivers.gevent import WebSocketWSGI
from engineio.packet import MESSAGE, Packet
from socketio.exceptions import ConnectionRefusedError as Refused
from werkzeug.exceptions import HTTPException

from middleware.request_id import KEY as REQUEST_ID
from ngw2f.http import Request, Response, problem
from ngw2f.live.forms import SocketIOPackets
from ngw2f.live.subscription import Ending, Subscription
from ngw2f.resources import Room
from ngw2f.store import tokens
from ngw2f.store.rooms import LOBBY
from ngw2f.store.tokens import digest_of
from ngw2f.store.users import UserRow
from ngw2f.tracing import following
from ngw2f.web import auth, messages
from ngw2f.web.errors import DATABASE_ERRORS, database_problem
from ngw2f.web.rooms import load, load_named, tell_typing
from ngw2f.web.services import Services
from ngw2f.web.upgrade import SOCKET, FrameSocket, take_over, without_upgrade

NAMESPACE = "/"
# So many packets wait in Engine.IO for a client; what comes then waits in the hub's feed.
MAX_QUEUED = 100
# Nothing more is read from a client for whom so many wait: a feed's chunk and its answers.
MAX_UNREAD = 2_000
PAUSE_SECONDS = 0.05
# A client that has taken nothing for so long is cut off.
STALL_SECONDS = 30.0

NO_POLLING = (
    "there are several server processes and nothing in front that keeps a client with one "
    "of them (the setting `sticky`), so Socket.IO's polling cannot work; connect with "
    "transports: ['websocket']"
)

# A close frame that says "service restart" (RFC 6455 section 5.5.1, IANA's code 1012).
CLOSE_FOR_RESTART = b"\x88\x02\x03\xf4"


class EngineResponse(Response):
    """What Engine.IO answers. For a WebSocket that takes as long as the session does."""

    def __init__(self, gateway: "SocketIOGateway", environ: WSGIEnvironment) -> None:
        super().__init__()
        self._gateway = gateway
        self._environ = environ

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return self._gateway.handle(self._environ, start_response)
        except StopIteration:
            # So the library tells gunicorn that a WebSocket is over. Its socket is shut
            # down: the headers of this response, which is for the chain, reach nobody.
            start_response("101 Switching Protocols", [])
            return []


class BoundedWebSocket(WebSocketWSGI):  # type: ignore[misc] # engineio has no types
    """Engine.IO's WebSocket, which would keep a message of any length before it refuses it."""

    def __init__(self, handler: Any, server: Any) -> None:
        super().__init__(handler, server)
        self.server_args["max_message_size"] = server.max_http_buffer_size


class SocketIOGateway:
    """The Socket.IO server of one process, as one more reader of its hub."""

    def __init__(self, services: Services) -> None:
        self.services = services
        # A client's events are taken one after the other: in order, and never more at once
        # than it waits for.
        self._server = socketio.Server(async_mode="gevent", async_handlers=False)
        engine = self._server.eio
        engine._async = {**engine._async, "websocket": BoundedWebSocket}
        self._subscriptions: dict[str, Subscription] = {}
        self._readers: dict[str, UserRow | None] = {}
        # The WebSockets, by Engine.IO's session id.
        self._sockets: WeakValueDictionary[str, FrameSocket] = WeakValueDictionary()
        self._server.on("connect", self._connect)
        self._server.on("disconnect", self._disconnect)
        self._server.on("ping_user", self._ping_user)
        self._server.on("post_message", self._post_message)
        self._server.on("typing", self._type_in)

    def serve(self, services: Services, request: Request) -> Response:
        """Hand the request to Engine.IO, if the client's transport can work here."""
        if request.args.get("transport") == "websocket":
            environ, _ = take_over(request)
            return EngineResponse(self, environ)
        if request.environ.get("wsgi.multiprocess") and not services.settings.sticky:
            raise problem(400, NO_POLLING)
        # Engine.IO would upgrade whatever has the fields for it.
        return EngineResponse(self, without_upgrade(request.environ))

    def handle(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        session = Request(environ).args.get("sid")
        if session:
            self._note_socket(session, environ)
        answer: Iterable[bytes] = self._server.handle_request(environ, start_response)
        return answer

    def _note_socket(self, session: str, environ: WSGIEnvironment) -> None:
        sock = environ.get(SOCKET)
        if isinstance(sock, FrameSocket):
            self._sockets[session] = sock
            sock.is_behind = partial(self._is_behind, session)

    def _is_behind(self, session: str) -> bool:
        """Say whether a client goes on sending and does not read what it is answered."""
        connection = self._server.eio.sockets.get(session)
        return connection is not None and connection.queue.qsize() >= MAX_UNREAD

    def _connect(self, sid: str, environ: WSGIEnvironment, said: object) -> None:
        """Subscribe a client, as the user of its token or cookie. Raises Refused."""
        said = said if isinstance(said, dict) else {}
        request = Request(environ)
        token = said.get("token") or auth.token_of(request) or ""
        reader = self._find_user(token)
        if reader is None and (said.get("token") or not self.services.settings.anonymous_read):
            raise Refused(
                "the token is unknown, revoked or expired" if token else "sign in to read"
            )
        after = said.get("after") or None
        subscription = self.services.hub.subscribe(
            SocketIOPackets(),
            reader.id if reader else None,
            digest_of(token) if reader else None,
            str(after) if after else None,
        )
        self._subscriptions[sid] = subscription
        self._readers[sid] = reader
        session = self._server.manager.eio_sid_from_sid(sid, NAMESPACE)
        self._note_socket(session, environ)
        gevent.spawn(self._pump, sid, session, subscription)

    def _disconnect(self, sid: str, *_reason: object) -> None:
        subscription = self._subscriptions.pop(sid, None)
        self._readers.pop(sid, None)
        if subscription:
            subscription.end(Ending.CLOSED)
            subscription.close()

    def _ping_user(self, sid: str, token: object = "", *_more: object) -> None:
        user = self._user_of(sid, token)
        if user:
            auth.note_presence(self.services, user)

    def _post_message(
        self, sid: str, said: object = None, token: object = "", *_more: object
    ) -> dict[str, Any]:
        """Store a message; return it, or what is wrong with it."""
        return self._follow(sid, self._post, said, token)

    def _type_in(
        self, sid: str, said: object = None, token: object = "", *_more: object
    ) -> dict[str, Any]:
        """Tell the others in the room that the user is writing."""
        return self._follow(sid, self._tell_of_typing, said, token)

    def _follow(
        self,
        sid: str,
        do: Callable[[UserRow, dict[str, Any]], dict[str, Any]],
        said: object,
        token: object,
    ) -> dict[str, Any]:
        """Do what a client says, and return the answer to it."""
        try:
            user = self._user_of(sid, token)
            if user is None:
                return {"error": "sign in, or send a token"}
            with following(self._server.get_environ(sid).get(REQUEST_ID, "")):
                return do(user, said if isinstance(said, dict) else {})
        except HTTPException as error:
            return {"error": error.description, "status": error.code}
        except DATABASE_ERRORS as error:
            return {"error": database_problem(error).description}

    def _post(self, user: UserRow, said: dict[str, Any]) -> dict[str, Any]:
        source = said.get("source")
        if not isinstance(source, str):
            raise problem(400, "source is text")
        room = self._room_of(user, said)
        message = messages.post_live(self.services, room, user, source)
        posted: dict[str, Any] = msgspec.to_builtins(message)
        return posted

    def _tell_of_typing(self, user: UserRow, said: dict[str, Any]) -> dict[str, Any]:
        tell_typing(self.services, self._room_of(user, said), user)
        return {}

    def _room_of(self, user: UserRow, said: dict[str, Any]) -> Room:
        room_id = said.get("room_id")
        with self.services.database.reading() as connection:
            if room_id is None:
                return load_named(connection, LOBBY, user)
            # What was meant for another room does not go to the lobby; True is an int.
            if type(room_id) is not int:
                raise problem(400, "room_id is a whole number")
            return load(connection, room_id, user)

    def _user_of(self, sid: str, token: object) -> UserRow | None:
        """Return who says something; a client whose token is no longer good is told so."""
        user = self._find_user(token) if token else self._readers.get(sid)
        if user is None:
            self._server.emit("expired_token", to=sid)
        return user

    def _find_user(self, token: object) -> UserRow | None:
        if not isinstance(token, str) or not token:
            return None
        with self.services.database.reading() as connection:
            return tokens.find_token_user(connection, token)

    def _pump(self, sid: str, session: str, subscription: Subscription) -> None:
        """Move what comes from the feed into Engine.IO's queue, as fast as the client reads."""
        while not self._server.manager.is_connected(sid, NAMESPACE):
            if sid not in self._subscriptions:
                return  # Refused, or gone already.
            gevent.sleep(PAUSE_SECONDS)
        while self._has_room(session) and (chunk := subscription.next_chunk()):
            for packet in chunk.split(SocketIOPackets.separator)[:-1]:
                self._server.eio.send_packet(session, Packet(MESSAGE, packet.decode()))
        self._end(session, subscription)

    def _has_room(self, session: str) -> bool:
        """Wait until the client has read; False if it has gone or does not read."""
        for _ in range(int(STALL_SECONDS / PAUSE_SECONDS)):
            connection = self._server.eio.sockets.get(session)
            if connection is None or connection.closed:
                return False
            if connection.queue.qsize() < MAX_QUEUED:
                return True
            gevent.sleep(PAUSE_SECONDS)
        return False

    def _end(self, session: str, subscription: Subscription) -> None:
        """Close the transport. Socket.IO's own farewell would keep clients from coming back."""
        subscription.close()
        sock = self._sockets.pop(session, None)
        connection = self._server.eio.sockets.get(session)
        if sock:
            if subscription.ending is Ending.DRAINED:
                gevent.spawn(sock.send, CLOSE_FOR_RESTART).join(PAUSE_SECONDS)
            sock.close()
        elif connection and not connection.closed:
            connection.close(wait=False)

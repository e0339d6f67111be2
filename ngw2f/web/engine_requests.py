"""Engine.IO's HTTP requests: open a session, poll, post packets, upgrade to a WebSocket.

Requests that the protocol does not allow are refused here. The library would wait, fail, or let
the session go on.
"""

from io import BytesIO
from urllib.parse import urlencode
from wsgiref.types import WSGIEnvironment

from werkzeug.exceptions import HTTPException

from ngw2f.http import Request, Response, problem
from ngw2f.web.engineio import StrictServer, is_behind
from ngw2f.web.origins import may_connect
from ngw2f.web.packets import BadPacketError, parse_payload
from ngw2f.web.upgrade import SwitchingProtocols, take_over, without_upgrade

# A process keeps at most this many sessions without a WebSocket. Abandoned ones end only by a time
# limit.
MAX_POLLING_SESSIONS = 2_000
# The client's own query, in the environ that the library gets.
QUERY = "ngw2f.query"

NO_POLLING = (
    "there are several server processes, and no proxy that sends a client always to the same one "
    "(the setting `sticky`), so Socket.IO's polling cannot work; connect with transports: "
    "['websocket']"
)


class EngineRequests:
    """The requests for the Engine.IO sessions of one process."""

    def __init__(self, server: StrictServer) -> None:
        self._server = server
        # Session and method of each request that is being answered.
        self._under_way: set[tuple[str, str]] = set()

    def serve(self, request: Request, *, can_poll: bool) -> Response:
        """Have the library answer the request, if the protocol allows it.

        Raises 400, 403, 413, 426, 501, 503.
        """
        self._check(request)
        session = request.args.get("sid")
        if session is not None and self._server.find(session) is None:
            raise problem(400, "there is no such session")
        if request.args["transport"] == "websocket":
            return self._switch(request, session)
        if not can_poll:
            raise problem(400, NO_POLLING)
        if session is not None and request.method != "HEAD":
            return self._poll(request, session)
        if request.method != "GET":
            raise problem(400, "a session is opened by GET")
        self._make_room()
        return self._ask_engine(without_upgrade(request.environ), None, "polling")

    def _check(self, request: Request) -> None:
        """Raise 400 unless it is a request of Engine.IO 4."""
        arguments, environ = request.args, request.environ
        if not may_connect(environ):
            raise problem(400, "pages of another origin may not connect")
        if arguments.get("transport") not in ("polling", "websocket"):
            raise problem(400, "transport must be polling or websocket")
        if "j" in arguments:
            raise problem(400, "JSONP is not supported")
        if "sid" not in arguments and arguments.getlist("EIO") != ["4"]:
            raise problem(400, "EIO, the version of Engine.IO, must be 4")

    def _switch(self, request: Request, session: str | None) -> Response:
        if request.method != "GET":
            raise problem(400, "a WebSocket is opened by GET")
        connection = self._server.find(session) if session is not None else None
        if connection and (connection.upgraded or connection.upgrading):
            raise problem(400, "the session has a WebSocket already")
        if connection and not connection.connected:
            raise problem(400, "the session is not open yet")
        environ, sock = take_over(request)

        def run() -> None:
            try:
                self._ask_engine(environ, session, "websocket")
            finally:
                sock.close()

        return SwitchingProtocols(run)

    def _poll(self, request: Request, session: str) -> Response:
        """Answer a request of a session; one that is not allowed ends it, as the protocol says."""
        turn = (session, request.method)
        connection = self._server.find(session)
        if connection.upgraded:
            raise problem(400, "the session continues over its WebSocket")
        if turn in self._under_way:
            self._server.cut_off(session, "two requests at once")
            raise problem(400, "another request of this session is being answered")
        self._under_way.add(turn)
        try:
            if request.method == "GET":
                return self._ask_engine(without_upgrade(request.environ), session, "polling")
            return self._take_payload(request, session)
        except HTTPException as error:
            self._server.cut_off(session, error.description or "")
            raise
        finally:
            self._under_way.discard(turn)

    def _take_payload(self, request: Request, session: str) -> Response:
        body = request.body()
        connection = self._server.find(session)
        if connection is None:
            raise problem(400, "there is no such session")
        if is_behind(connection):
            raise problem(400, "read your answers first")
        try:
            parse_payload(body)
        except BadPacketError as error:
            raise problem(400, str(error)) from error
        environ = {**request.environ, "wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        return self._ask_engine(environ, session, "polling")

    def _make_room(self) -> None:
        """If there are too many sessions, end the oldest one that nobody has connected to.

        Raises 503.
        """
        sockets = self._server.eio.sockets
        if len(sockets) < MAX_POLLING_SESSIONS:
            return
        polling = [session for session, each in sockets.items() if not each.upgraded]
        if len(polling) < MAX_POLLING_SESSIONS:
            return
        is_known = self._server.manager.sid_from_eio_sid
        idle = next((each for each in polling if not is_known(each, "/")), None)
        if idle is None:
            raise problem(503, "there are too many sessions; connect with a WebSocket")
        self._server.cut_off(idle, "too many sessions")

    def _ask_engine(
        self, environ: WSGIEnvironment, session: str | None, transport: str
    ) -> Response:
        """Have the library answer, with a query that has only what we have checked."""
        query = {"EIO": "4", "transport": transport} | ({"sid": session} if session else {})
        started: list[tuple[str, list[tuple[str, str]]]] = []
        body = self._server.handle_request(
            {**environ, "QUERY_STRING": urlencode(query), QUERY: environ.get("QUERY_STRING", "")},
            lambda status, headers, *_error: started.append((status, headers)),
        )
        status, headers = started[0] if started else ("400 Bad Request", [])
        response = Response(body, status, headers)
        response.headers["Cache-Control"] = "no-store"
        return response

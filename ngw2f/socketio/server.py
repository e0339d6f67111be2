"""The requests of Engine.IO clients: each goes to a transport, or is refused."""

from collections.abc import Callable

from ngw2f.http import Request, Response
from ngw2f.socketio import answers, polling, websocket
from ngw2f.socketio.commands import UnreachableError
from ngw2f.socketio.engine import Engine
from ngw2f.socketio.sessions import SID

PROTOCOL = ["4"]
AWAY = "sessions cannot be found right now; connect again in a moment"


class Server:
    """Answers the requests for the sessions of all workers."""

    def __init__(self, engine: Engine, check: Callable[[Request], None]) -> None:
        self._engine = engine
        # Raises an error for a request that may not come in.
        self._check = check

    def serve(self, request: Request) -> Response:
        """Answer a request. Raises what the check and the switch of protocols raise, and 413."""
        self._check(request)
        refusal = _refusal_of(request)
        if refusal:
            return refusal
        try:
            return self._answer(request, request.args.get("sid"))
        except UnreachableError:
            return answers.try_again(AWAY)

    def _answer(self, request: Request, sid: str | None) -> Response:
        if sid is not None and not SID.fullmatch(sid):
            return answers.error(answers.SESSION_UNKNOWN, "there is no such session")
        if request.args["transport"] == "websocket":
            if request.method != "GET":
                return answers.error(answers.BAD_METHOD, "a WebSocket is opened by GET")
            return websocket.connect(self._engine, request, sid)
        if request.method == "POST" and sid is not None:
            return polling.post(self._engine, request, sid)
        if request.method != "GET":
            return answers.error(answers.BAD_METHOD, "a session is opened by GET")
        if sid is not None:
            return polling.poll(self._engine, request, sid)
        return polling.open_session(self._engine)


def _refusal_of(request: Request) -> Response | None:
    """Return why it is not a request of Engine.IO 4, None if it is one."""
    arguments = request.args
    if arguments.get("transport") not in ("polling", "websocket"):
        return answers.error(answers.TRANSPORT_UNKNOWN, "transport must be polling or websocket")
    if "j" in arguments:
        return answers.error(answers.BAD_REQUEST, "JSONP is not supported")
    if "sid" not in arguments and arguments.getlist("EIO") != PROTOCOL:
        return answers.error(
            answers.VERSION_UNSUPPORTED, "EIO, the version of Engine.IO, must be 4"
        )
    return None

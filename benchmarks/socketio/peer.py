"""python-socketio as its documentation runs it under gunicorn, several servers with one Redis.

REDIS_URL=redis://... gunicorn -k gevent -w 1 benchmarks.socketio.peer:application
"""

import os
from typing import Any

import socketio

manager: Any = socketio.RedisManager(os.environ["REDIS_URL"])
server: Any = socketio.Server(async_mode="gevent", client_manager=manager)
application = socketio.WSGIApp(server)


@server.event  # type: ignore[untyped-decorator] # Socket.IO has no types.
def connect(sid: str, environ: dict[str, Any]) -> None:
    """Let everybody in; without a handler no namespace is open."""

"""Type 2, the server in Python: gunicorn --worker-class gevent server:application.

A browser loads the page and the official client from here, and what it says goes to all.
Sessions are in the memory of this process, so clients must return to it.
"""

from pathlib import Path
from typing import Any

import socketio

CLIENT = Path("node_modules/socket.io/client-dist/socket.io.min.js")

server: Any = socketio.Server(async_mode="threading")


@server.event  # type: ignore[untyped-decorator] # Socket.IO has no types.
def say(sid: str, text: str) -> None:
    server.emit("said", text)


application = socketio.WSGIApp(
    server, static_files={"/": "index.html", "/page.js": "page.js", "/client.js": str(CLIENT)}
)

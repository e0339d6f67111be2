"""Flask-SocketIO, as its documentation runs it under gunicorn: POST /post tells everybody.

gunicorn -k gevent -w 1 flask_server:app
"""

from gevent import monkey

monkey.patch_all()

from flask import Flask, request  # noqa: E402 # after the patching
from flask_socketio import SocketIO  # type: ignore[import-untyped]  # noqa: E402

app = Flask(__name__)
socketio = SocketIO(app, async_mode="gevent")


@app.post("/post")
def post() -> str:
    for message in request.get_json():
        socketio.emit("updated_model", {"class": "Message", "model": message})
    return ""

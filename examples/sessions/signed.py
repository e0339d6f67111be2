"""A signed cookie that says who the user is: gunicorn signed:application. Needs Flask."""

import os

from flask import Flask, Response, request, session


def build(secret_key: str | None = None) -> Flask:
    """Return the application; without a key its sessions must be stored elsewhere."""
    built = Flask(__name__, static_folder=None)
    built.secret_key = secret_key
    built.add_url_rule("/", view_func=index)
    built.add_url_rule("/in", view_func=sign_in, methods=["POST"])
    built.add_url_rule("/out", view_func=sign_out, methods=["POST"])
    return built


def index() -> Response:
    return Response(f"{session.get('name', 'nobody')}\n", mimetype="text/plain")


def sign_in() -> Response:
    # Without a password, since this is about sessions.
    session["name"] = request.args["name"]
    return Response("in\n", mimetype="text/plain")


def sign_out() -> Response:
    session.clear()
    return Response("out\n", mimetype="text/plain")


application = build(os.environ.get("SECRET_KEY", "known to all who read this"))

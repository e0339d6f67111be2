"""Decide before the application: gunicorn prerouting:by_hand, gunicorn prerouting:application."""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from middleware.prerouting import Health, Mount, PreRoutingMiddleware, Redirect

PLAIN = [("Content-Type", "text/plain")]


def chat(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", PLAIN)
    return [f"chat: {environ['PATH_INFO']}\n".encode()]


def manual(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", PLAIN)
    return [f"manual: {environ['PATH_INFO']}, root is {environ['SCRIPT_NAME']!r}\n".encode()]


def by_hand(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/healthz":
        start_response("200 OK", PLAIN)
        return [b"ok\n"]
    if path.startswith("/old"):
        start_response("308 Permanent Redirect", [("Location", "/new" + path[4:])])
        return []
    if path.startswith("/manual"):
        return manual(environ, start_response)
    return chat(environ, start_response)


application = PreRoutingMiddleware(
    chat, [Health("/healthz"), Redirect("/old", "/new", whole=True), Mount("/manual", manual)]
)

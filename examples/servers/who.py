"""Show how the server calls: gunicorn who:application, and two others in servers.telnet."""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    body = f"processes {environ['wsgi.multiprocess']}, threads {environ['wsgi.multithread']}\n"
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return [body.encode()]

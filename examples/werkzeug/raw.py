"""Notes, with only PEP 3333: gunicorn raw:application."""

from collections.abc import Iterable
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIEnvironment

MAX_BYTES = 1000
Answer = tuple[str, list[tuple[str, str]], str]


class Notes:
    """Texts by number: list them, add one, show one."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        status, headers, text = self.route(environ)
        body = text.encode()
        content = [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
        ]
        start_response(status, [*headers, *content])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def route(self, environ: WSGIEnvironment) -> Answer:
        # CGI gives the path decoded to bytes, and the bytes as latin-1 text.
        path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
        method = environ["REQUEST_METHOD"]
        if path == "/":
            if method in ("GET", "HEAD"):
                return self.index()
            return self.add(environ) if method == "POST" else wrong_method("GET, HEAD, POST")
        number = path.removeprefix("/notes/")
        if number != path and number.isascii() and number.isdecimal():
            return (
                self.show(int(number)) if method in ("GET", "HEAD") else wrong_method("GET, HEAD")
            )
        return not_found()

    def index(self) -> Answer:
        lines = [f"{number}: {note}\n" for number, note in enumerate(self.notes, 1)]
        return "200 OK", [], "".join(lines) or "no notes\n"

    def add(self, environ: WSGIEnvironment) -> Answer:
        try:
            length = int(environ.get("CONTENT_LENGTH") or 0)
        except ValueError:
            return "400 Bad Request", [], "that is not a length\n"
        if length > MAX_BYTES:
            return "413 Content Too Large", [], "a note is short\n"
        form = parse_qs(environ["wsgi.input"].read(length).decode(errors="replace"))
        self.notes.append(form.get("note", [""])[0].strip())
        return "303 See Other", [("Location", f"/notes/{len(self.notes)}")], ""

    def show(self, number: int) -> Answer:
        if not 1 <= number <= len(self.notes):
            return not_found()
        return "200 OK", [], f"{self.notes[number - 1]}\n"


def not_found() -> Answer:
    return "404 Not Found", [], "no such note\n"


def wrong_method(allowed: str) -> Answer:
    return "405 Method Not Allowed", [("Allow", allowed)], "not like that\n"


application = Notes()

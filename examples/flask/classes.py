"""The same notes, with a class for each address: gunicorn classes:application. Needs Flask."""

from flask import Flask, Response, request
from flask.views import MethodView
from werkzeug.exceptions import HTTPException, NotFound

SORRY = {
    404: ("no such note\n", "404 Not Found"),
    405: ("not like that\n", "405 Method Not Allowed"),
    413: ("a note is short\n", "413 Content Too Large"),
}


class NotesView(MethodView):
    """A method for each HTTP method; what a view needs is passed in."""

    # Flask would answer OPTIONS; the previous step does not.
    provide_automatic_options = False
    # By default Flask makes an instance per request, which is not needed here.
    init_every_request = False

    def __init__(self, notes: list[str]) -> None:
        self.notes = notes


class Listing(NotesView):
    def get(self) -> Response:
        lines = [f"{number}: {note}\n" for number, note in enumerate(self.notes, 1)]
        return plain("".join(lines) or "no notes\n")

    def post(self) -> Response:
        self.notes.append(request.form.get("note", "").strip())
        location = f"{request.script_root}/notes/{len(self.notes)}"
        return plain("", "303 See Other", {"Location": location})


class Note(NotesView):
    def get(self, number: int) -> Response:
        if not 1 <= number <= len(self.notes):
            raise NotFound
        return plain(f"{self.notes[number - 1]}\n")


def build() -> Flask:
    """Return an application with its own notes."""
    notes: list[str] = []
    built = Flask(__name__, static_folder=None)
    built.config["MAX_CONTENT_LENGTH"] = 1000
    built.add_url_rule("/", view_func=Listing.as_view("notes", notes))
    built.add_url_rule("/notes/<int:number>", view_func=Note.as_view("note", notes))
    built.register_error_handler(HTTPException, sorry)
    return built


def sorry(error: HTTPException) -> Response:
    allowed = sorted(getattr(error, "valid_methods", None) or [])
    return plain(*SORRY[error.code or 404], {"Allow": ", ".join(allowed)} if allowed else {})


def plain(text: str, status: str = "200 OK", headers: dict[str, str] | None = None) -> Response:
    return Response(text, status, headers or {}, mimetype="text/plain")


application = build()

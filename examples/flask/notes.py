"""The notes with a framework: gunicorn notes:application. Needs Flask."""

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

SORRY = {
    404: ("no such note\n", "404 Not Found"),
    405: ("not like that\n", "405 Method Not Allowed"),
    413: ("a note is short\n", "413 Content Too Large"),
}

application = Flask(__name__, static_folder=None)
application.config["MAX_CONTENT_LENGTH"] = 1000
# The framework expects module-level state, or a context to find it in.
notes: list[str] = []


# Flask would answer OPTIONS; the previous step does not.
@application.get("/", provide_automatic_options=False)
def index() -> Response:
    lines = [f"{number}: {note}\n" for number, note in enumerate(notes, 1)]
    return plain("".join(lines) or "no notes\n")


@application.post("/", provide_automatic_options=False)
def add() -> Response:
    notes.append(request.form.get("note", "").strip())
    return plain("", "303 See Other", {"Location": f"{request.script_root}/notes/{len(notes)}"})


@application.get("/notes/<int:number>", provide_automatic_options=False)
def show(number: int) -> Response:
    if not 1 <= number <= len(notes):
        return plain(*SORRY[404])
    return plain(f"{notes[number - 1]}\n")


@application.errorhandler(HTTPException)
def sorry(error: HTTPException) -> Response:
    allowed = sorted(getattr(error, "valid_methods", None) or [])
    return plain(*SORRY[error.code or 404], {"Allow": ", ".join(allowed)} if allowed else {})


def plain(text: str, status: str = "200 OK", headers: dict[str, str] | None = None) -> Response:
    return Response(text, status, headers or {}, mimetype="text/plain")

"""The same notes with Werkzeug's routing and errors: gunicorn routed:application."""

from werkzeug import Request, Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge
from werkzeug.routing import Map, Rule

MAX_BYTES = 1000
# Werkzeug's own reason phrases are in capitals. A client ignores them (RFC 9112 section 4).
SORRY = {
    NotFound: ("no such note\n", "404 Not Found"),
    MethodNotAllowed: ("not like that\n", "405 Method Not Allowed"),
    RequestEntityTooLarge: ("a note is short\n", "413 Content Too Large"),
}


class NoteRequest(Request):
    max_content_length = MAX_BYTES


class Notes:
    """Texts by number: list them, add one, show one."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.urls = Map([
            Rule("/", methods=["GET"], endpoint=self.index),
            Rule("/", methods=["POST"], endpoint=self.add),
            Rule("/notes/<int:number>", methods=["GET"], endpoint=self.show),
        ])  # fmt: skip

    def answer(self, request: Request) -> Response:
        try:
            endpoint, values = self.urls.bind_to_environ(request.environ).match()
            response: Response = endpoint(request, **values)
        except HTTPException as error:
            return sorry(error)
        return response

    def index(self, _request: Request) -> Response:
        lines = [f"{number}: {note}\n" for number, note in enumerate(self.notes, 1)]
        return Response("".join(lines) or "no notes\n")

    def add(self, request: Request) -> Response:
        self.notes.append(request.form.get("note", "").strip())
        return Response("", "303 See Other", {"Location": f"/notes/{len(self.notes)}"})

    def show(self, _request: Request, number: int) -> Response:
        if not 1 <= number <= len(self.notes):
            raise NotFound
        return Response(f"{self.notes[number - 1]}\n")


def sorry(error: HTTPException) -> Response:
    allowed = sorted(getattr(error, "valid_methods", None) or [])
    return Response(*SORRY[type(error)], {"Allow": ", ".join(allowed)} if allowed else {})


application = NoteRequest.application(Notes().answer)

"""The same notes with Werkzeug's Request and Response: gunicorn wrapped:application."""

from werkzeug import Request, Response

MAX_BYTES = 1000


class Notes:
    """Texts by number: list them, add one, show one."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def answer(self, request: Request) -> Response:
        if request.path == "/":
            if request.method in ("GET", "HEAD"):
                return self.index()
            return self.add(request) if request.method == "POST" else wrong("GET, HEAD, POST")
        number = request.path.removeprefix("/notes/")
        if number != request.path and number.isascii() and number.isdecimal():
            return (
                self.show(int(number)) if request.method in ("GET", "HEAD") else wrong("GET, HEAD")
            )
        return not_found()

    def index(self) -> Response:
        lines = [f"{number}: {note}\n" for number, note in enumerate(self.notes, 1)]
        return Response("".join(lines) or "no notes\n")

    def add(self, request: Request) -> Response:
        if (request.content_length or 0) > MAX_BYTES:
            return Response("a note is short\n", "413 Content Too Large")
        self.notes.append(request.form.get("note", "").strip())
        return Response("", "303 See Other", {"Location": f"/notes/{len(self.notes)}"})

    def show(self, number: int) -> Response:
        if not 1 <= number <= len(self.notes):
            return not_found()
        return Response(f"{self.notes[number - 1]}\n")


def not_found() -> Response:
    return Response("no such note\n", "404 Not Found")


def wrong(allowed: str) -> Response:
    return Response("not like that\n", "405 Method Not Allowed", {"Allow": allowed})


application = Request.application(Notes().answer)

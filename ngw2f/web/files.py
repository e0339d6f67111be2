"""Files: upload one as the body of a request, and send one to those who may see it.

What people upload is sent in a sandbox without scripts, and as a download, unless it is a picture
that a worker has decoded.
"""

from collections.abc import Iterable
from urllib.parse import quote
from wsgiref.types import StartResponse, WSGIEnvironment

from werkzeug.http import parse_options_header

from middleware.static_files import OpenFile, open_file
from ngw2f.actions.files import NO_FILE
from ngw2f.errors import NotFound
from ngw2f.http import Request, Response, json_response, tagged
from ngw2f.store.files import StoredFile
from ngw2f.web import auth
from ngw2f.web.services import Services

PIECE_BYTES = 256 * 1024
# nginx's location for files (nginx/files.conf), from below the folder of all of them.
INTERNAL = "/_files/"
SANDBOX = "default-src 'none'; sandbox"
# Whoever keeps one asks each time whether it may be shown.
COMMON = (
    ("Content-Security-Policy", SANDBOX),
    ("Cache-Control", "private, no-cache"),
    ("Vary", "Authorization, Cookie"),
)


class FileResponse(Response):
    """A file that is open, sent whole, in ranges, or as 304 Not Modified, and then closed."""

    def __init__(self, file: OpenFile) -> None:
        super().__init__()
        self._file = file

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._file.answer(environ, start_response)


def create(services: Services, request: Request, room_id: int) -> Response:
    """Store the body, which is read as it comes."""
    user = auth.require_user(services, request)
    name = request.text_argument("name") or _name_in_fields(request)
    made = services.actions.files.upload(
        user, room_id, name, request.pieces(PIECE_BYTES), request.content_length
    )
    response = json_response(made, 201)
    response.headers["Location"] = made.links.self
    return response


def show(services: Services, request: Request, file_id: int, file_name: str) -> Response:
    reader = auth.find_reader(services, request)
    actions = services.actions.files
    file = actions.find(reader, file_id, file_name)
    headers = headers_of(file)
    if services.core.settings.files_by_nginx:
        headers.append(("X-Accel-Redirect", f"{INTERNAL}{actions.place_of(file)}"))
        return Response(headers=headers)
    descriptor = open_file(str(actions.path_of(file)))
    if descriptor is None:
        raise NotFound(NO_FILE)
    return FileResponse(OpenFile(descriptor, "identity", headers))


def show_picture(services: Services, request: Request, file_id: int, file_name: str) -> Response:
    """Answer with the small picture of a file, which we made, to those who may see the file."""
    reader = auth.find_reader(services, request)
    media_type, body = services.actions.files.find_picture(reader, file_id, file_name)
    headers = [*COMMON, ("Content-Type", media_type)]
    return tagged(request, Response(body, headers=headers))


def headers_of(file: StoredFile) -> list[tuple[str, str]]:
    """Return the fields of a file."""
    return [
        ("Content-Type", file.media_type),
        # A worker has decoded it: it is a picture, and no bomb.
        ("Content-Disposition", disposition_of(file.name, is_shown=file.image_width > 0)),
        *COMMON,
        ("Accept-Ranges", "bytes"),
    ]


def disposition_of(name: str, *, is_shown: bool = False) -> str:
    """Return the field that saves a file under a name (RFC 6266), which is clean.

    One that *is_shown* in the browser has the name for whoever saves it from there.
    """
    plain = "".join(each if " " <= each < "\x7f" else "_" for each in name)
    extended = f"; filename*=UTF-8''{quote(name, safe='')}" if plain != name else ""
    return f'{"inline" if is_shown else "attachment"}; filename="{plain}"{extended}'


def _name_in_fields(request: Request) -> str:
    """Return the name in the request's own Content-Disposition, "" without one."""
    _, parameters = parse_options_header(request.headers.get("Content-Disposition"))
    return parameters.get("filename", "")

"""The form of a room with files, for browsers without JavaScript: uploaded and posted at once."""

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from tempfile import TemporaryFile
from typing import IO

from werkzeug.datastructures import FileStorage
from werkzeug.formparser import FormDataParser

from ngw2f.actions import rights
from ngw2f.actions.idempotency import digest_of
from ngw2f.actions.messages import MAX_FILES
from ngw2f.api_resources import Room
from ngw2f.errors import Invalid, KeyReused, TooLarge
from ngw2f.http import Request, Response, problem, see_other
from ngw2f.sentences import Sentence
from ngw2f.store.users import UserRow
from ngw2f.web import auth, idempotency
from ngw2f.web.files import PIECE_BYTES
from ngw2f.web.pages import REFUSALS, Draft, show_refused
from ngw2f.web.services import Services

FIELD = "file"
# What else is in the form.
OTHER_FIELDS = 10
FORM_BYTES = 1024 * 1024
# Werkzeug's parser holds two pieces of a file, and counts them as it counts a field.
PARSER_BYTES = 128 * 1024
# So much of a file is kept in memory before it is written.
BUFFER_BYTES = 1024 * 1024


def post(services: Services, request: Request, name: str, room_id: int | None = None) -> Response:
    """Post what is written, with the files, and lead to the room."""
    user = auth.require_user(services, request)
    most = services.core.settings.max_file_bytes
    with services.core.database.reading() as connection:
        room = rights.find_room_named(connection, name, user, room_id)
    rights.check_open(room)
    draft, files = Draft(), None
    with ExitStack() as opened:
        try:
            # A form is longer than the files in it.
            size = min(request.content_length or most, most)
            with services.actions.files.set_aside(user, room.id, size):
                files = _read_form(services, request, opened)
            draft = Draft(request.form_field("source"), None, request.id_field("reply_to"))
            if len(files) > MAX_FILES:
                raise Invalid(Sentence("a message may have at most %(most)d files", most=MAX_FILES))
            key = _key_of(services, request, room, files)
            if key is None or not services.actions.messages.was_posted(user, key):
                _post(services, user, room, draft, key, files)
        except (*REFUSALS, TooLarge) as error:
            refused = replace(draft, error=error, has_files=files != [])
            return show_refused(services, request, user, name, room_id, refused)
    return see_other(room.links.page + "#end")


def _key_of(
    services: Services, request: Request, room: Room, files: list[FileStorage]
) -> str | None:
    """Return a key for all that the form asks for: its files have new ids each time."""
    key = idempotency.key_of_form(request)
    if key is None:
        return None
    fields = request.form_field("source"), request.form_field("reply_to")
    contents = [(each.filename, services.core.files.digest_of(each.stream)) for each in files]
    return digest_of(key, room.id, fields, contents).hex()


def _post(
    services: Services,
    user: UserRow,
    room: Room,
    draft: Draft,
    key: str | None,
    files: list[FileStorage],
) -> None:
    file_ids = [_upload(services, user, room, each) for each in files]
    with suppress(KeyReused):  # The same form came twice at a time, and the other was first.
        services.actions.messages.post(
            user, room.id, draft.text, key=key, reply_to=draft.reply_to, file_ids=file_ids
        )


def _read_form(services: Services, request: Request, opened: ExitStack) -> list[FileStorage]:
    """Read the form, with its files into nameless ones beside the data; return these.

    They are closed with *opened*. Raises 400, 413.
    """
    folder = services.core.files.make_folder()

    def make_file(*_about: object, **_more: object) -> IO[bytes]:
        return opened.enter_context(TemporaryFile(buffering=BUFFER_BYTES, dir=folder))

    settings = services.core.settings
    # A form of another type comes without files, and is kept in memory as a whole.
    has_files = request.mimetype == "multipart/form-data"
    most = settings.max_file_bytes + FORM_BYTES if has_files else settings.max_body_bytes
    request.max_content_length = most
    parser = FormDataParser(
        make_file,
        max_form_memory_size=max(settings.max_body_bytes, PARSER_BYTES),
        max_content_length=most,
        silent=False,
        max_form_parts=MAX_FILES + OTHER_FIELDS,
    )
    try:
        _, form, files = parser.parse(
            request.stream, request.mimetype, request.content_length, request.mimetype_params
        )
    except ValueError as error:
        raise problem(400, "the form is not whole multipart/form-data") from error
    request.use_form(form)
    # A field in which no file was chosen has no name.
    return [each for each in files.getlist(FIELD) if each.filename]


def _upload(services: Services, user: UserRow, room: Room, file: FileStorage) -> int:
    size = file.stream.seek(0, 2)
    file.stream.seek(0)
    made = services.actions.files.upload(
        user, room.id, file.filename or "", _pieces(file.stream), size
    )
    return made.id


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: stream.read(PIECE_BYTES), b"")

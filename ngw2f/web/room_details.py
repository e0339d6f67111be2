"""What a room is about and who is in it: a page with the forms to change that."""

from collections.abc import Callable

from ngw2f.actions import rights
from ngw2f.actions.rooms import RoomChanges
from ngw2f.actions.sign_in import find_named
from ngw2f.api_resources import Room
from ngw2f.errors import DomainError, Forbidden, Invalid, NotFound, Unauthenticated
from ngw2f.http import Request, Response, see_other, tagged
from ngw2f.sentences import Sentence
from ngw2f.store import room_changes, rooms
from ngw2f.store.rooms import LOBBY_ID
from ngw2f.store.users import UserRow
from ngw2f.text.topics import MAX_TOPIC_CHARACTERS
from ngw2f.web import auth
from ngw2f.web.caching import personal
from ngw2f.web.pages import EMPTY, REFUSALS, Draft
from ngw2f.web.paging import cursor_of
from ngw2f.web.services import Services
from ngw2f.web.sign_in import sign_in_form


def show(services: Services, request: Request, name: str, room_id: int | None = None) -> Response:
    try:
        reader = auth.find_reader(services, request)
    except Unauthenticated as error:
        return sign_in_form(services, request, error.sentence, 401)
    room = _find(services, reader, name, room_id)
    return tagged(request, _page(services, request, room, reader))


def change(services: Services, request: Request, name: str, room_id: int | None = None) -> Response:
    """Rename the room and set its topic, by a form."""
    user, room = _user_and_room(services, request, name, room_id)
    new_name, topic = request.form_field("name").strip(), request.form_field("topic")
    changes = RoomChanges(name=new_name or None, topic=topic)

    def do() -> Room:
        return services.actions.rooms.change(user, room.id, changes)

    return _answer(services, request, room, user, do, _details_of, new_name=new_name, topic=topic)


def archive(
    services: Services, request: Request, name: str, room_id: int | None = None
) -> Response:
    """Archive the room by a form, or bring it back."""
    user, room = _user_and_room(services, request, name, room_id)
    changes = RoomChanges(archived=bool(request.form_field("archived")))

    def do() -> Room:
        return services.actions.rooms.change(user, room.id, changes)

    return _answer(services, request, room, user, do, _details_of)


def invite(services: Services, request: Request, name: str, room_id: int | None = None) -> Response:
    """Make somebody a member by a form, and go to the room."""
    user, room = _user_and_room(services, request, name, room_id)
    nickname = request.form_field("nickname").strip()

    def do() -> Room:
        with services.core.database.reading() as connection:
            credentials = find_named(connection, nickname)
        if credentials is None:
            raise NotFound(Sentence("there is no user %(name)r", name=nickname))
        return services.actions.rooms.admit(user, room.id, credentials.user_id)

    return _answer(services, request, room, user, do, _details_of, nickname=nickname)


def remove(services: Services, request: Request, name: str, room_id: int | None = None) -> Response:
    """Remove a member by a form."""
    user, room = _user_and_room(services, request, name, room_id)
    user_id = request.id_field("user_id")
    if user_id is None:
        raise Invalid("choose whom to remove")

    def do() -> Room:
        return services.actions.rooms.remove_member(user, room.id, user_id)

    return _answer(services, request, room, user, do, _details_of)


def leave(services: Services, request: Request, name: str, room_id: int | None = None) -> Response:
    """Leave the room by a form; a public one can still be read."""
    user, room = _user_and_room(services, request, name, room_id)

    def do() -> Room:
        return services.actions.rooms.remove_member(user, room.id, user.id)

    def way(left: Room) -> str:
        return "/" if left.private else left.links.page

    return _answer(services, request, room, user, do, way)


def _details_of(room: Room) -> str:
    return f"{room.links.page}/details"


def _find(services: Services, reader: UserRow | None, name: str, room_id: int | None) -> Room:
    with services.core.database.reading() as connection:
        return rights.find_room_named(connection, name, reader, room_id)


def _user_and_room(
    services: Services, request: Request, name: str, room_id: int | None
) -> tuple[UserRow, Room]:
    user = auth.require_user(services, request)
    return user, _find(services, user, name, room_id)


def _answer(
    services: Services,
    request: Request,
    room: Room,
    user: UserRow,
    do: Callable[[], Room],
    way: Callable[[Room], str],
    **typed: str,
) -> Response:
    """Do what a form asks for, and go on; or show the forms again, with what was *typed*."""
    try:
        return see_other(way(do()))
    except (*REFUSALS, Forbidden, NotFound) as error:
        if request.preferred("text") != "html":
            raise
        return _page(services, request, room, user, error, typed)


def _page(
    services: Services,
    request: Request,
    room: Room,
    reader: UserRow | None,
    error: DomainError | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    cursor = cursor_of(request)
    room = room.named_for(reader.id) if reader else room
    with services.core.database.reading() as connection:
        members = rooms.list_members(connection, room.id, after=cursor.after, limit=cursor.wanted)
        values = {
            "room": room,
            "reader": reader,
            "members": cursor.cut(members),
            "next": cursor.cut(members)[-1].id if len(members) > cursor.limit else None,
            "owner_id": room_changes.find_owner(connection, room.id),
            "may_manage": rights.may_manage(connection, room, reader),
            "is_member": reader and rooms.is_member(connection, room.id, reader.id),
            "is_lobby": room.id == LOBBY_ID,
            "typed": typed or {},
            "max_topic": MAX_TOPIC_CHARACTERS,
            "detail": error.sentence if error else "",
        }
    response = personal(services.templates.page(request, "room_details.html", values))
    return (Draft(error=error) if error else EMPTY).answered(response)

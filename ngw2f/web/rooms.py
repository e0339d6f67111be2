"""Rooms, and the members of private ones."""

import msgspec
from sqlalchemy import Connection
from werkzeug.exceptions import HTTPException

from ngw2f.http import Request, Response, json_response, no_content, problem
from ngw2f.live.groups import ROOMS, USERS, room_group
from ngw2f.live.payloads import Typing
from ngw2f.resources import MAX_ID, Room, User
from ngw2f.store import rooms, users
from ngw2f.store.keys import KeyUsedError, Use, keep_key
from ngw2f.store.rooms import QuotaExceededError, RoomExistsError
from ngw2f.store.users import UserRow
from ngw2f.text.lookalikes import shapes_of
from ngw2f.text.names import InvalidNameError, check_room_name, composed, name_key
from ngw2f.web import auth, idempotency
from ngw2f.web.caching import KEPT_SHORTLY_SECONDS, kept_json
from ngw2f.web.paging import cursor_of, linked, next_page
from ngw2f.web.services import Services

TAKEN = "a room has this name already, or one that looks the same"


class NewRoom(msgspec.Struct):
    name: str
    private: bool = False


class Rooms(msgspec.Struct):
    rooms: list[Room]


class Members(msgspec.Struct):
    users: list[User]


def index(services: Services, request: Request) -> Response:
    reader = auth.find_reader(services, request)
    cursor = cursor_of(request)
    with services.core.database.reading() as connection:
        found = rooms.list_rooms(connection, reader, after=cursor.after, limit=cursor.wanted)
    response = kept_json(request, Rooms(list(cursor.cut(found))), reader, [ROOMS])
    return linked(response, next_page(request.path, cursor, found))


def show(services: Services, request: Request, room_id: int) -> Response:
    reader = auth.find_reader(services, request)
    with services.core.database.reading() as connection:
        room = load(connection, room_id, reader)
    return kept_json(request, room, reader, [room_group(room_id)])


def create(services: Services, request: Request) -> Response:
    user = auth.require_user(services, request)
    key = idempotency.key_of(request)
    body = request.json_body(NewRoom)
    room = create_room(services, user, body.name, private=body.private, key=key)
    response = json_response(room, 201)
    response.headers["Location"] = room.links.self
    return response


def members(services: Services, request: Request, room_id: int) -> Response:
    reader = auth.find_reader(services, request)
    cursor = cursor_of(request)
    with services.core.database.reading() as connection:
        room = load(connection, room_id, reader)
        rows = rooms.list_members(connection, room.id, after=cursor.after, limit=cursor.wanted)
    online = services.presence.online_ids()
    found = [row.as_resource(online=row.id in online) for row in cursor.cut(rows)]
    groups = [room_group(room_id), USERS]
    response = kept_json(request, Members(found), reader, groups, KEPT_SHORTLY_SECONDS)
    return linked(response, next_page(request.path, cursor, rows))


def add_member(services: Services, request: Request, room_id: int, user_id: int) -> Response:
    """Let another user into a room that one is a member of. Raises 403, 404, 409, 429."""
    settings = services.core.settings
    member = auth.require_user(services, request)
    services.limits.take("membership", member.id)
    with services.core.database.writing() as connection:
        room = _load_as_member(connection, room_id, member)
        if users.find_user(connection, user_id) is None:
            raise problem(404, "there is no such user")
        try:
            rooms.admit_member(
                connection,
                room.id,
                user_id,
                most_rooms=settings.memberships_per_account,
                most_members=settings.members_per_room,
            )
        except QuotaExceededError as error:
            raise problem(409, str(error)) from error
        run = services.core.events.record(connection, "room.updated", room)
    services.core.events.publish(run)
    return no_content()


def remove_member(services: Services, request: Request, room_id: int, user_id: int) -> Response:
    member = auth.require_user(services, request)
    services.limits.take("membership", member.id)
    with services.core.database.writing() as connection:
        room = _load_as_member(connection, room_id, member)
        if users.find_user(connection, user_id) is None:
            raise problem(404, "there is no such user")
        rooms.remove_member(connection, room.id, user_id)
        run = services.core.events.record(connection, "room.updated", room)
    services.core.events.publish(run)
    return no_content()


def type_in(services: Services, request: Request, room_id: int) -> Response:
    user = auth.require_user(services, request)
    with services.core.database.reading() as connection:
        room = load(connection, room_id, user)
    tell_typing(services, room, user)
    return no_content()


def tell_typing(services: Services, room: Room, user: UserRow) -> None:
    """Tell the others in the room that the user is writing. Raises 429."""
    services.limits.take("typing", user.id)
    services.typing.tell(Typing(room.id, user.id, user.nickname))


def create_room(
    services: Services, user: UserRow, name: str, *, private: bool, key: str | None = None
) -> Room:
    """Store a new room and tell of it; once, however often *key* is sent.

    Raises 400, 403, 422, 429.
    """
    try:
        name = check_room_name(name)
    except InvalidNameError as error:
        raise problem(400, str(error)) from error
    asked = idempotency.digest_of("room", name, private)
    # What is there already is not another room: no limit is in its way.
    if key and (room := _made_before(services, user, key, asked)):
        return room
    services.limits.take("room", user.id)
    most = services.core.settings.rooms_per_account
    try:
        with services.core.database.writing() as connection:
            room = rooms.create_room(
                connection,
                name,
                name_key(name),
                user.id,
                private=private,
                most=most,
                shapes=shapes_of(name),
            )
            if key:
                keep_key(connection, user.id, key, Use(asked, room.id))
            run = services.core.events.record(connection, "room.created", room)
    except (RoomExistsError, QuotaExceededError, KeyUsedError) as error:
        made = _made_before(services, user, key, asked) if key else None
        if made is None:
            raise _refused(error) from error
        return made
    services.core.events.publish(run)
    return room


def _refused(error: Exception) -> HTTPException:
    if isinstance(error, QuotaExceededError):
        return problem(403, str(error))
    return problem(400, TAKEN)


def load(connection: Connection, room_id: int, reader: UserRow | None) -> Room:
    """Return a room that the reader may see. Raises 404."""
    is_storable = 0 < room_id <= MAX_ID
    room = rooms.find_room(connection, room_id, reader) if is_storable else None
    if room is None:
        raise problem(404, "there is no such room")
    return room


def load_named(
    connection: Connection, name: str, reader: UserRow | None, room_id: int | None = None
) -> Room:
    """Return a room that the reader may see, of several by its id too. Raises 404.

    A name that was typed on another keyboard leads to the room, too.
    """
    names = dict.fromkeys((name, composed(name)))
    if room_id is None:
        found = (rooms.find_room_named(connection, each, reader) for each in names)
        room = next(filter(None, found), None)
    else:
        room = rooms.find_room(connection, room_id, reader)
    if room is None or room.name not in names:
        raise problem(404, "there is no such room")
    return room


def _made_before(services: Services, user: UserRow, key: str, asked: bytes) -> Room | None:
    """Return the room that the key was used for, as it is now. Raises 404, 422."""
    with services.core.database.reading() as connection:
        room_id = idempotency.find_made(connection, user, key, asked)
        return None if room_id is None else load(connection, room_id, user)


def _load_as_member(connection: Connection, room_id: int, user: UserRow) -> Room:
    room = load(connection, room_id, user)
    if not rooms.is_member(connection, room.id, user.id):
        raise problem(403, "only members of the room may do this")
    return room

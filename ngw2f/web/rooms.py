"""Rooms, and their members."""

import msgspec

from ngw2f.actions import rights
from ngw2f.actions.rooms import RoomChanges
from ngw2f.api_resources import Room, User
from ngw2f.http import Request, Response, json_response, no_content
from ngw2f.live.cache_groups import ROOMS, USERS, room_group, unread_group
from ngw2f.store import readings, room_changes, rooms
from ngw2f.web import auth, idempotency
from ngw2f.web.caching import KEPT_SHORTLY_SECONDS, kept_json, unkept_json
from ngw2f.web.paging import cursor_of, linked, next_page
from ngw2f.web.services import Services


class NewRoom(msgspec.Struct):
    name: str
    private: bool = False


class ChangedRoom(msgspec.Struct):
    """What is to change of a room; what is left out stays as it is."""

    name: str | None = None
    topic: str | None = None
    archived: bool | None = None


class Rooms(msgspec.Struct):
    rooms: list[Room]


class Members(msgspec.Struct):
    users: list[User]
    # Who may change the room, and remove its members.
    owner_id: int | None


def index(services: Services, request: Request) -> Response:
    reader = auth.find_reader(services, request)
    cursor, archived = cursor_of(request), bool(request.integer_argument("archived", 0, 1))
    with services.core.database.reading() as connection:
        found = rooms.list_rooms(
            connection, reader, after=cursor.after, limit=cursor.wanted, archived=archived
        )
        shown = cursor.cut(found)
        if reader is not None:
            read = readings.list_readings(connection, reader.id, [room.id for room in shown])
            shown = [room.read(read[room.id]) for room in shown]
    listed = Rooms(list(shown))
    if reader is None:
        response = kept_json(request, listed, reader, [ROOMS])
    else:
        # A message in any of the rooms changes it.
        response = unkept_json(request, listed, reader)
    return linked(
        response, next_page(request.path, cursor, found, archived=1 if archived else None)
    )


def show(services: Services, request: Request, room_id: int) -> Response:
    reader = auth.find_reader(services, request)
    with services.core.database.reading() as connection:
        room = rights.find_room(connection, room_id, reader)
        groups = [room_group(room_id)]
        if reader is not None:
            room = room.read(readings.find_reading(connection, reader.id, room_id))
            groups.append(unread_group(reader.id))
        if room.direct:
            # It is named by them.
            groups.append(USERS)
    return kept_json(request, room, reader, groups)


def create(services: Services, request: Request) -> Response:
    user = auth.require_user(services, request)
    key = idempotency.key_of(request)
    body = request.json_body(NewRoom)
    room = services.actions.rooms.create(user, body.name, private=body.private, key=key)
    response = json_response(room, 201)
    response.headers["Location"] = room.links.self
    return response


def change(services: Services, request: Request, room_id: int) -> Response:
    user = auth.require_user(services, request)
    body = request.json_body(ChangedRoom)
    changes = RoomChanges(body.name, body.topic, body.archived)
    return json_response(services.actions.rooms.change(user, room_id, changes))


def members(services: Services, request: Request, room_id: int) -> Response:
    reader = auth.find_reader(services, request)
    cursor = cursor_of(request)
    with services.core.database.reading() as connection:
        room = rights.find_room(connection, room_id, reader)
        rows = rooms.list_members(connection, room.id, after=cursor.after, limit=cursor.wanted)
        owner_id = room_changes.find_owner(connection, room.id)
    online = services.presence.online_ids()
    found = [row.as_resource(online=row.id in online) for row in cursor.cut(rows)]
    groups = [room_group(room_id), USERS]
    response = kept_json(request, Members(found, owner_id), reader, groups, KEPT_SHORTLY_SECONDS)
    return linked(response, next_page(request.path, cursor, rows))


def add_member(services: Services, request: Request, room_id: int, user_id: int) -> Response:
    services.actions.rooms.admit(auth.require_user(services, request), room_id, user_id)
    return no_content()


def remove_member(services: Services, request: Request, room_id: int, user_id: int) -> Response:
    services.actions.rooms.remove_member(auth.require_user(services, request), room_id, user_id)
    return no_content()


def type_in(services: Services, request: Request, room_id: int) -> Response:
    services.actions.rooms.type_in(auth.require_user(services, request), room_id)
    return no_content()

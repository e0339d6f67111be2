"""Who may see and do what.

A room or a message that an account may not see is not found, as if it did not exist. Whoever may
see a room may post and type in it, unless it is archived: then nobody changes what is in it. Its
members may add others, and leave; its owner may remove them, and change the room. Only the author
may edit or delete a message. Who talks directly is the same for good.
"""

from collections.abc import Collection

from sqlalchemy import Connection

from ngw2f.api_resources import MAX_ID, Message, Room
from ngw2f.errors import Conflict, Forbidden, NotFound
from ngw2f.store import messages, room_changes, rooms
from ngw2f.store.users import UserRow
from ngw2f.text.names import composed

NO_ROOM = "there is no such room"
NO_MESSAGE = "there is no such message"
ARCHIVED = "the room is archived: it can only be read"
DIRECT = "direct messages have the same people for good"
NOT_OWNER = "only the room's owner may do this"


def find_room(connection: Connection, room_id: int, reader: UserRow | None) -> Room:
    """Return a room that the reader may see. Raises NotFound."""
    is_storable = 0 < room_id <= MAX_ID
    room = rooms.find_room(connection, room_id, reader) if is_storable else None
    if room is None:
        raise NotFound(NO_ROOM)
    return room


def find_room_named(
    connection: Connection, name: str, reader: UserRow | None, room_id: int | None = None
) -> Room:
    """Return a room that the reader may see; the id chooses among rooms of one name.

    The name may be composed in another way than the stored one; that of direct messages is "".
    Raises NotFound.
    """
    names = dict.fromkeys((name, composed(name)))
    if room_id is None and not name:
        room = None
    elif room_id is None:
        found = (rooms.find_room_named(connection, each, reader) for each in names)
        room = next(filter(None, found), None)
    else:
        room = rooms.find_room(connection, room_id, reader)
    if room is None or room.name not in names:
        raise NotFound(NO_ROOM)
    return room


def find_open_room(connection: Connection, room_id: int, user: UserRow) -> Room:
    """Return a room in which the user may post and type. Raises NotFound, Conflict."""
    room = find_room(connection, room_id, user)
    check_open(room)
    return room


def check_open(room: Room) -> None:
    """Raise Conflict for a room that can only be read."""
    if room.archived:
        raise Conflict(ARCHIVED)


def find_room_of_member(connection: Connection, room_id: int, user: UserRow) -> Room:
    """Return a room whose members change, and of which the user is one.

    Raises NotFound, Forbidden.
    """
    room = find_room(connection, room_id, user)
    if room.direct:
        raise Forbidden(DIRECT)
    if not rooms.is_member(connection, room.id, user.id):
        raise Forbidden("only members of the room may do this")
    return room


def find_room_to_leave(connection: Connection, room_id: int, user: UserRow, member_id: int) -> Room:
    """Return a room that the user may leave, or remove another member from.

    Raises NotFound, Forbidden.
    """
    room = find_room_of_member(connection, room_id, user)
    if member_id != user.id and not may_manage(connection, room, user):
        raise Forbidden(NOT_OWNER)
    return room


def check_rooms_open(connection: Connection, room_ids: Collection[int]) -> None:
    """Raise Conflict if one of the rooms can only be read, in the transaction of a change."""
    if room_changes.archived_among(connection, room_ids):
        raise Conflict(ARCHIVED)


def find_room_to_manage(connection: Connection, room_id: int, user: UserRow) -> Room:
    """Return a room that the user may change. Raises NotFound, Forbidden."""
    room = find_room(connection, room_id, user)
    if room.direct:
        raise Forbidden(DIRECT)
    if not may_manage(connection, room, user):
        raise Forbidden(NOT_OWNER)
    return room


def may_manage(connection: Connection, room: Room, user: UserRow | None) -> bool:
    """Return whether a reader of the room may rename and archive it, and remove its members."""
    if user is None or room.direct:
        return False
    return room_changes.find_owner(connection, room.id) == user.id


def find_message(connection: Connection, message_id: int, reader: UserRow | None) -> Message:
    """Return a message that the reader may see. Raises NotFound."""
    message = messages.find_message(connection, message_id, reader)
    if message is None:
        raise NotFound(NO_MESSAGE)
    return message


def find_own_message(connection: Connection, message_id: int, user: UserRow) -> Message:
    """Return a message that the user wrote, and may change.

    Raises NotFound, Forbidden, Conflict.
    """
    message = find_message(connection, message_id, user)
    if message.user_id != user.id:
        raise Forbidden("only the author may do this")
    check_rooms_open(connection, [message.room_id])
    return message

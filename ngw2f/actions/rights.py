"""Who may see and do what; queries ask the same of rows (`ngw2f/store/rooms.py`, `files.py`).

A room or a message that an account may not see is not found, as if it did not exist. Whoever may
see a room may post and type in it, unless it is archived: then nobody changes what is in it. Its
members may add others, and leave; its owner may remove them, and change the room. Only the author
may edit or delete a message. The people of direct messages stay the same for good.

An administrator may do what the owner of a room and the author of a message may (but not edit it),
where an administrator may read: in public rooms, and as a member of private ones. For everybody
else a private room does not exist, so what is said in one stays in it.
"""

from collections.abc import Collection

from sqlalchemy import Connection

from ngw2f.api_resources import MAX_ID, Message, Room
from ngw2f.errors import Conflict, Forbidden, NotFound, Unauthenticated
from ngw2f.sentences import translatable
from ngw2f.store import messages, registration, room_changes, rooms, users
from ngw2f.store.order import take_turn
from ngw2f.store.users import UserRow
from ngw2f.text.names import composed

NO_ROOM = translatable("there is no such room")
NO_MESSAGE = translatable("there is no such message")
SUSPENDED = translatable("this account is suspended: ask an administrator")
ARCHIVED = translatable("the room is archived: it can only be read")
DIRECT = translatable("the people of direct messages cannot be changed")
NOT_OWNER = translatable("only the room's owner, or an administrator, may do this")
CLOSED = translatable("nobody new can register here")
NEEDS_INVITATION = translatable(
    "you need an invitation to register: ask an administrator for a link"
)
WRONG_INVITATION = translatable(
    "the invitation is no longer valid: ask an administrator for a new link"
)
LAST_ADMINISTRATOR = translatable("the last administrator stays: make somebody else one first")
NOT_ADMINISTRATOR = translatable("only administrators may do this")


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


def check_may_post(connection: Connection, posts: Collection[tuple[int, int]]) -> None:
    """Check who posts, by ids of room and user, in the transaction that stores it.

    What was known of them before may be old. Raises NotFound, Conflict, Unauthenticated.
    """
    for standing in room_changes.standings_of(connection, posts):
        if standing is None or not standing.is_visible:
            raise NotFound(NO_ROOM)
        if not standing.is_active:
            raise Unauthenticated(SUSPENDED)
        if standing.is_archived:
            raise Conflict(ARCHIVED)


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
    is_owner = room_changes.find_owner(connection, room.id) == user.id
    return is_owner or is_administrator(connection, user)


def manages_as_administrator(connection: Connection, room: Room, user: UserRow) -> bool:
    """Return whether somebody who may manage the room does not own it: then that is logged."""
    return room_changes.find_owner(connection, room.id) != user.id


def is_administrator(connection: Connection, user: UserRow | None) -> bool:
    """Return whether the user is one now: what a process knows of a user may be old."""
    found = users.find_user(connection, user.id) if user else None
    return found is not None and found.is_admin and found.suspended_at is None


def check_administrator(connection: Connection, user: UserRow) -> None:
    """Raise Forbidden unless the user is an administrator."""
    if not is_administrator(connection, user):
        raise Forbidden(NOT_ADMINISTRATOR)


def find_message(connection: Connection, message_id: int, reader: UserRow | None) -> Message:
    """Return a message that the reader may see. Raises NotFound."""
    message = messages.find_message(connection, message_id, reader)
    if message is None:
        raise NotFound(NO_MESSAGE)
    return message


def check_may_go(connection: Connection, user_id: int) -> None:
    """Raise Forbidden for the last administrator, while there are other accounts."""
    # Two may go at the same time.
    take_turn(connection)
    user = users.find_user(connection, user_id)
    is_last = user is not None and user.is_admin and users.count_admins(connection) == 1
    if is_last and users.has_others(connection, user_id):
        raise Forbidden(LAST_ADMINISTRATOR)


def check_may_register(connection: Connection, invitation: str) -> None:
    """Raise Forbidden unless anybody may register now, or whoever has this code may."""
    mode = registration.find_mode(connection)
    if mode == "closed":
        raise Forbidden(CLOSED)
    if mode == "invitation" and not registration.is_valid(connection, invitation):
        raise Forbidden(WRONG_INVITATION if invitation else NEEDS_INVITATION)


def find_message_to_delete(connection: Connection, message_id: int, user: UserRow) -> Message:
    """Return a message that the user wrote, or that an administrator may delete.

    Raises NotFound, Forbidden, Conflict.
    """
    message = find_message(connection, message_id, user)
    if message.user_id != user.id and is_administrator(connection, user):
        # In an archived room, too.
        return message
    return find_own_message(connection, message_id, user)


def find_own_message(connection: Connection, message_id: int, user: UserRow) -> Message:
    """Return a message that the user wrote, and may change.

    Raises NotFound, Forbidden, Conflict.
    """
    message = find_message(connection, message_id, user)
    if message.user_id != user.id:
        raise Forbidden("only the author may do this")
    check_rooms_open(connection, [message.room_id])
    return message

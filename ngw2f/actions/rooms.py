"""Rooms: create and change one, let others in and out, type in it."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection

from ngw2f.actions import idempotency, rights
from ngw2f.api_resources import Room
from ngw2f.broker.limits import Limits
from ngw2f.core import Core
from ngw2f.errors import Conflict, DomainError, Forbidden, Invalid, NotFound
from ngw2f.live.payloads import Typing
from ngw2f.live.typing import TypingNotices
from ngw2f.sentences import sentence_of, translatable
from ngw2f.store import audit, room_changes, rooms, users
from ngw2f.store.keys import KeyUsedError, Use, keep_key
from ngw2f.store.mentions import forget_mentions
from ngw2f.store.order import take_turn
from ngw2f.store.rooms import LOBBY_ID, QuotaExceededError, RoomExistsError
from ngw2f.store.users import UserRow
from ngw2f.text.lookalikes import shapes_of
from ngw2f.text.names import InvalidNameError, check_room_name, name_key
from ngw2f.text.topics import InvalidTopicError, check_topic

TAKEN = translatable("a room has this name already, or one that looks the same")


@dataclass(frozen=True, slots=True)
class RoomChanges:
    """What is to change of a room; None leaves it as it is."""

    name: str | None = None
    topic: str | None = None
    archived: bool | None = None


class Rooms:
    def __init__(self, core: Core, limits: Limits, typing: TypingNotices) -> None:
        self._core = core
        self._limits = limits
        self._typing = typing

    def create(self, user: UserRow, name: str, *, private: bool, key: str | None = None) -> Room:
        """Store a new room; once, however often *key* is sent.

        Raises Invalid, TooMany, Forbidden, KeyReused.
        """
        core = self._core
        name = _valid_name(name)
        asked = idempotency.digest_of("room", name, private)
        # A repetition makes no other room, so no limit refuses it.
        if key and (room := self._made_before(user, key, asked)):
            return room
        self._limits.take("room", user.id)
        try:
            with core.database.writing() as connection:
                room = rooms.create_room(
                    connection,
                    name,
                    name_key(name),
                    user.id,
                    private=private,
                    most=core.settings.rooms_per_account,
                    shapes=shapes_of(name),
                )
                if key:
                    keep_key(connection, user.id, key, Use(asked, room.id))
                run = core.events.record(connection, "room.created", room)
        except (RoomExistsError, QuotaExceededError, KeyUsedError) as error:
            made = self._made_before(user, key, asked) if key else None
            if made is None:
                raise _refusal_of(error) from error
            return made
        core.events.publish(run)
        return room

    def change(self, user: UserRow, room_id: int, changes: RoomChanges) -> Room:
        """Make all of the changes to the user's own room, or none; return it.

        Raises TooMany, Invalid, NotFound, Forbidden, Conflict.
        """
        core = self._core
        self._limits.take("room", user.id)
        name = None if changes.name is None else _valid_name(changes.name)
        topic = None if changes.topic is None else _valid_topic(changes.topic)
        try:
            with core.database.writing() as connection:
                room = rights.find_room_to_manage(connection, room_id, user)
                _check_change(room, changes)
                if name is not None and name != room.name:
                    named = name, name_key(name), shapes_of(name)
                    room_changes.rename_room(connection, room, *named)
                archived = changes.archived
                room_changes.change_room(connection, room, topic=topic, is_archived=archived)
                changed = rights.find_room(connection, room_id, user)
                self._note(connection, user, changed, _words_of(changes))
                run = core.events.record(connection, "room.updated", changed)
        except RoomExistsError as error:
            raise Invalid(TAKEN) from error
        core.events.publish(run)
        return changed

    def admit(self, user: UserRow, room_id: int, user_id: int) -> Room:
        """Make another user a member of a room that the user is a member of.

        Raises TooMany, NotFound, Forbidden, Conflict.
        """
        core, settings = self._core, self._core.settings
        self._limits.take("membership", user.id)
        with core.database.writing() as connection:
            # The one who is invited may be deleting the account.
            take_turn(connection)
            room = rights.find_room_of_member(connection, room_id, user)
            rights.check_open(room)
            invited = users.find_user(connection, user_id)
            if invited is None or invited.deleted_at is not None:
                raise NotFound("there is no such user")
            try:
                rooms.admit_member(
                    connection,
                    room.id,
                    user_id,
                    most_rooms=settings.memberships_per_account,
                    most_members=settings.members_per_room,
                )
            except QuotaExceededError as error:
                raise Conflict(sentence_of(error)) from error
            run = core.events.record(connection, "room.updated", room)
        core.events.publish(run)
        return room

    def remove_member(self, user: UserRow, room_id: int, user_id: int) -> Room:
        """Leave a room, or remove another one from the user's own room.

        Raises TooMany, NotFound, Forbidden.
        """
        core = self._core
        self._limits.take("membership", user.id)
        with core.database.writing() as connection:
            room = rights.find_room_to_leave(connection, room_id, user, user_id)
            if users.find_user(connection, user_id) is None:
                raise NotFound("there is no such user")
            # First the rows of messages, then the turn, which the log takes.
            if room.private:
                forget_mentions(connection, user_id, room.id)
            if user_id != user.id:
                self._note(connection, user, room, "member removed", user_id)
            rooms.remove_member(connection, room.id, user_id)
            run = core.events.record(connection, "room.updated", room)
        core.events.publish(run)
        return room

    def _note(
        self, connection: Connection, user: UserRow, room: Room, what: str, whom: int | None = None
    ) -> None:
        """Log what an administrator does to another's room."""
        if rights.manages_as_administrator(connection, room, user):
            room_id = None if room.private else room.id
            detail = "" if room.private else what
            audit.add_entry(
                connection, user, "room.changed", user_id=whom, room_id=room_id, detail=detail
            )

    def type_in(self, user: UserRow, room_id: int) -> None:
        """Publish to the others in a room that the user is typing. Raises NotFound, TooMany."""
        with self._core.database.reading() as connection:
            room = rights.find_open_room(connection, room_id, user)
        self._limits.take("typing", user.id)
        self._typing.publish(Typing(room.id, user.id, user.nickname))

    def check_readable(self, reader: UserRow | None, room_ids: Collection[int]) -> None:
        """Raise NotFound unless there are all these rooms, and the reader may see them."""
        if room_ids:
            with self._core.database.reading() as connection:
                for room_id in room_ids:
                    rights.find_room(connection, room_id, reader)

    def _made_before(self, user: UserRow, key: str, asked: bytes) -> Room | None:
        """Return the room that the key was used for, as it is now. Raises NotFound, KeyReused."""
        with self._core.database.reading() as connection:
            room_id = idempotency.find_made(connection, user, key, asked)
            return None if room_id is None else rights.find_room(connection, room_id, user)


def _valid_name(name: str) -> str:
    try:
        return check_room_name(name)
    except InvalidNameError as error:
        raise Invalid(sentence_of(error)) from error


def _valid_topic(topic: str) -> str:
    try:
        return check_topic(topic)
    except InvalidTopicError as error:
        raise Invalid(sentence_of(error)) from error


def _words_of(changes: RoomChanges) -> str:
    """Return what is changed, in words for the log."""
    words = [
        f"name: {changes.name}" if changes.name is not None else "",
        f"topic: {changes.topic}" if changes.topic is not None else "",
        {True: "archived", False: "brought back", None: ""}[changes.archived],
    ]
    return ", ".join(filter(None, words))


def _check_change(room: Room, changes: RoomChanges) -> None:
    """Raise Conflict for what this room cannot become."""
    if changes.archived is not False:
        # It can come back and be changed by the same call.
        rights.check_open(room)
    if room.id == LOBBY_ID and (changes.archived or changes.name not in (None, room.name)):
        raise Conflict("the lobby keeps its name, and is always open")


def _refusal_of(error: Exception) -> DomainError:
    return (
        Forbidden(sentence_of(error)) if isinstance(error, QuotaExceededError) else Invalid(TAKEN)
    )

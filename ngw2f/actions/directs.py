"""Direct messages: open the room of some people."""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection

from ngw2f.actions import rights
from ngw2f.actions.sign_in import find_named
from ngw2f.api_resources import Room
from ngw2f.broker.limits import Limits
from ngw2f.core import Core
from ngw2f.errors import Conflict, Invalid, NotFound
from ngw2f.sentences import Sentence, sentence_of
from ngw2f.store import directs, users
from ngw2f.store.order import take_turn
from ngw2f.store.rooms import QuotaExceededError
from ngw2f.store.users import UserRow

# With more, a private room says better who is in it.
MAX_PEOPLE = 20


class Opened(NamedTuple):
    """A room as its opener sees it, and whether it was made for that."""

    room: Room
    is_new: bool


class Directs:
    def __init__(self, core: Core, limits: Limits) -> None:
        self._core = core
        self._limits = limits

    def open(self, user: UserRow, user_ids: Collection[int]) -> Opened:
        """Return the room of the user and these others; the same for whoever of them asks.

        Raises Invalid, NotFound, TooMany, Conflict.
        """
        people = {user.id, *user_ids}
        if len(people) < 2:
            raise Conflict("say who else is to read it")
        if len(people) > MAX_PEOPLE:
            raise Invalid(
                Sentence("direct messages may have at most %(most)d readers", most=MAX_PEOPLE)
            )
        core = self._core
        with core.database.reading() as connection:
            _check_users(connection, people)
            room_id = directs.find_direct(connection, people)
            if room_id is not None:
                return Opened(_as_seen(connection, room_id, user), is_new=False)
        self._limits.take("room", user.id)
        return self._create(user, people)

    def open_named(self, user: UserRow, nicknames: str) -> Opened:
        """Do the same for nicknames with commas between them."""
        names = dict.fromkeys(each.strip() for each in nicknames.split(","))
        if len(names) > MAX_PEOPLE:
            raise Invalid(
                Sentence("direct messages may have at most %(most)d readers", most=MAX_PEOPLE)
            )
        user_ids = []
        with self._core.database.reading() as connection:
            for name in filter(None, names):
                found = find_named(connection, name)
                if found is None:
                    raise NotFound(Sentence("there is no user %(name)r", name=name))
                user_ids.append(found.user_id)
        return self.open(user, user_ids)

    def _create(self, user: UserRow, people: Collection[int]) -> Opened:
        core = self._core
        with core.database.writing() as connection:
            # Another of them may be opening it, too, or deleting the account.
            take_turn(connection)
            _check_users(connection, people)
            room_id = directs.find_direct(connection, people)
            if room_id is not None:
                return Opened(_as_seen(connection, room_id, user), is_new=False)
            most = core.settings.memberships_per_account
            try:
                room_id = directs.create_direct(connection, user.id, people, most=most)
            except QuotaExceededError as error:
                raise Conflict(sentence_of(error)) from error
            room = rights.find_room(connection, room_id, user)
            run = core.events.record(connection, "room.created", room)
        core.events.publish(run)
        return Opened(room.named_for(user.id), is_new=True)


def _check_users(connection: Connection, user_ids: Collection[int]) -> None:
    found = (users.find_user(connection, user_id) for user_id in user_ids)
    if not all(user and user.deleted_at is None for user in found):
        raise NotFound("there is no such user")


def _as_seen(connection: Connection, room_id: int, user: UserRow) -> Room:
    return rights.find_room(connection, room_id, user).named_for(user.id)

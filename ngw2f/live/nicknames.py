"""Nicknames by user id, as this process knows them from the database and the stream."""

import msgspec

from ngw2f.live.entry import RESYNC, Entry
from ngw2f.store import users
from ngw2f.store.database import Database

MAX_KNOWN = 10_000


class ChangedUser(msgspec.Struct):
    id: int


class Nicknames:
    """A nickname is looked up once, and kept until an event says that its user has changed.

    So at each position in the stream it is the name as of there, or a newer one whose event is
    still to come.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[int, str] = {}
        # Grows with every change: a name that was looked up before it may be the old one.
        self._version = 0

    def note(self, entry: Entry) -> None:
        """Drop the nickname that the event invalidates."""
        if entry.name == "user.updated":
            changed = msgspec.json.decode(entry.data, type=ChangedUser).id
            self._version += 1
            self._known.pop(changed, None)
        elif entry.name == RESYNC:
            self._version += 1
            self._known.clear()

    def of(self, user_id: int) -> str:
        """Return a user's nickname, "?" if there is no such user."""
        nickname = self._known.get(user_id)
        return self._look_up(user_id) if nickname is None else nickname

    def _look_up(self, user_id: int) -> str:
        version = self._version
        with self._database.reading() as connection:
            nickname = users.nicknames_of(connection, {user_id}).get(user_id, "?")
        if version == self._version:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[user_id] = nickname
        return nickname

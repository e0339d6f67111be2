"""Who may see what: private rooms, their members, and tokens that are still good.

Every change of a membership is an event in the stream, so what a hub knows here is as of the
last entry that it has read. The hub ends the subscriptions whose tokens are revoked.
"""

from collections.abc import Collection

import msgspec

from ngw2f.live.entry import INTERNAL, Entry
from ngw2f.store import rooms, tokens
from ngw2f.store.database import Database


class RoomOfEvent(msgspec.Struct):
    id: int
    private: bool


class Access:
    """What one process knows about private rooms. Everybody may read the public ones."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._private: set[int] = set()
        # Grows with every change: after a query it says whether the answer is still current.
        self.version = 0

    def load(self) -> None:
        with self._database.reading() as connection:
            self._private = rooms.private_room_ids(connection)

    def note(self, entry: Entry) -> RoomOfEvent | None:
        """Note a room that was created or changed; return it if it is private."""
        if not entry.name.startswith("room."):
            return None
        room = msgspec.json.decode(entry.data, type=RoomOfEvent)
        if not room.private:
            return None
        self._private.add(room.id)
        self.version += 1
        return room

    def may_see(self, own_rooms: frozenset[int], entry: Entry) -> bool:
        """Return whether all with these private rooms may see the entry."""
        return entry.user_id is None and self._may_see_room(own_rooms, entry)

    def may_user_see(self, user_id: int | None, own_rooms: frozenset[int], entry: Entry) -> bool:
        """Return whether a user may see the entry; it may be for this user alone."""
        return entry.user_id in (None, user_id) and self._may_see_room(own_rooms, entry)

    def _may_see_room(self, own_rooms: frozenset[int], entry: Entry) -> bool:
        if entry.name in INTERNAL:
            return False
        room_id = entry.room_id
        return room_id is None or room_id not in self._private or room_id in own_rooms

    def rooms_of(self, user_id: int | None) -> frozenset[int]:
        """Return the private rooms of which the user is a member."""
        if user_id is None:
            return frozenset()
        while True:
            version = self.version
            with self._database.reading() as connection:
                found = rooms.private_room_ids(connection, member_id=user_id)
            if version == self.version:
                return frozenset(found)

    def members_of(self, room_id: int) -> set[int]:
        with self._database.reading() as connection:
            return rooms.member_ids(connection, room_id)

    def good_tokens(self, digests: Collection[bytes]) -> set[bytes]:
        with self._database.reading() as connection:
            return tokens.find_good(connection, digests)

"""Who writes how much where, of what a reader may see."""

import msgspec

from ngw2f.api_resources import Room
from ngw2f.core import Core
from ngw2f.store import rooms, users, writers
from ngw2f.store.users import UserRow

MAX_ROOMS = 10
MAX_AUTHORS = 5


class Author(msgspec.Struct, frozen=True):
    user_id: int
    nickname: str
    messages: int


class RoomShare(msgspec.Struct, frozen=True):
    """How many of the newest messages a room has, and who wrote the most of them."""

    room: Room
    messages: int
    authors: list[Author]


class Statistics:
    def __init__(self, core: Core) -> None:
        self._core = core

    def shares(self, reader: UserRow | None) -> list[RoomShare]:
        """Return the rooms with the most of the newest messages, of those the reader may see."""
        with self._core.database.reading() as connection:
            written = writers.count_written(connection, reader)
            by_room: dict[int, list[writers.Written]] = {}
            for each in written:
                by_room.setdefault(each.room_id, []).append(each)
            totals = {key: sum(each.messages for each in of) for key, of in by_room.items()}
            busiest = sorted(totals, key=lambda key: (-totals[key], key))[:MAX_ROOMS]
            shown = {key: by_room[key][:MAX_AUTHORS] for key in busiest}
            found = rooms.rooms_of(connection, busiest)
            if reader is not None:
                found = {key: room.named_for(reader.id) for key, room in found.items()}
            ids = {each.user_id for of in shown.values() for each in of}
            names = users.nicknames_of(connection, ids)
        return [
            RoomShare(
                found[key],
                totals[key],
                [Author(of.user_id, names.get(of.user_id, "?"), of.messages) for of in shown[key]],
            )
            for key in busiest
            if key in found
        ]

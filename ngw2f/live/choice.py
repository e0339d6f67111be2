"""What a client chooses to hear: `rooms=1,2&events=message.*`, the same on every transport."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from ngw2f.api_resources import MAX_ID
from ngw2f.errors import Invalid
from ngw2f.live.entry import RESYNC, Entry

NAMES = (
    "message.created", "message.updated", "message.deleted", "message.restored", "message.reacted",
    "user.updated", "room.created", "room.updated", "unread.updated", "typing", RESYNC,
)  # fmt: skip
# Each room is looked up before the client is answered.
MAX_ROOMS = 100
# Names, and patterns such as `message.*`; more can only be repetitions.
MAX_EVENTS = 50
# An error quotes at most this many characters of what the client sent.
MAX_QUOTED = 50

T = TypeVar("T")


class Choice(NamedTuple):
    """The rooms and the names that a client hears; None: all of them."""

    rooms: frozenset[int] | None = None
    events: frozenset[str] | None = None

    def includes(self, entry: Entry) -> bool:
        """Return whether the client wants an entry, which it may yet not be allowed to see.

        What is not about a room, like a user, belongs to every choice of rooms. Nobody can do
        without `resync`.
        """
        if entry.name == RESYNC:
            return True
        if self.events is not None and entry.name not in self.events:
            return False
        return entry.room_id is None or self.includes_room(entry.room_id)

    def includes_room(self, room_id: int) -> bool:
        return self.rooms is None or room_id in self.rooms

    def narrow(self, rooms: frozenset[int]) -> frozenset[int]:
        """Return those of *rooms* that are chosen, so that equal choices share a feed."""
        return rooms if self.rooms is None else rooms & self.rooms


EVERYTHING = Choice()


def parse_choice(rooms: Sequence[str], events: Sequence[str]) -> Choice:
    """Return what a query chooses, by all values that it has for each name. Raises Invalid.

    Whether the reader may see the rooms is another question.
    """
    names = _parse("events", events, MAX_EVENTS, _names_of)
    chosen = None if names is None else frozenset().union(*names)
    ids = _parse("rooms", rooms, MAX_ROOMS, _room_id_of)
    return Choice(
        None if ids is None else frozenset(ids),
        None if chosen is None or chosen >= set(NAMES) - {RESYNC} else chosen,
    )


def _parse(
    name: str, values: Sequence[str], most: int, parse_member: Callable[[str], T]
) -> list[T] | None:
    """Parse a list with commas, None if it is missing. Raises Invalid."""
    if not values:
        return None
    if len(values) > 1:
        raise Invalid(f"{name} is given more than once; separate its members by commas")
    members = values[0].split(",", most)
    if len(members) > most:
        raise Invalid(f"{name} may have at most {most} members")
    return [parse_member(member.strip()) for member in members]


def _room_id_of(text: str) -> int:
    # isdecimal() alone would accept digits of other scripts; Python refuses very long numbers.
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_ID))
    if not (is_number and 0 < int(text) <= MAX_ID):
        raise Invalid(f"rooms must be a list of ids, and {text[:MAX_QUOTED]!r} is not one")
    return int(text)


def _names_of(pattern: str) -> set[str]:
    """Return the names that a name or a pattern such as `message.*` means."""
    group = pattern.removesuffix("*")
    is_pattern = pattern.endswith(".*")
    found = {name for name in NAMES if (name.startswith(group) if is_pattern else name == pattern)}
    if not found:
        raise Invalid(
            f"events must be a list of names, such as message.created or message.*, and "
            f"{pattern[:MAX_QUOTED]!r} is not one"
        )
    return found

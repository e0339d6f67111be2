"""Which groups of cached answers an event invalidates (RFC 9875)."""

from pathlib import Path

from middleware.cache import SharedGroupClock
from ngw2f.live.payloads import decode_revocation, decode_user_id

ROOMS = "rooms"
USERS = "users"


def open_group_clock(data_path: Path) -> SharedGroupClock:
    """Return the clock that all processes on this host with the same data share."""
    return SharedGroupClock(data_path / "groups.clock")


def room_group(room_id: int) -> str:
    return f"room-{room_id}"


def reader_group(user_id: int) -> str:
    return f"reader-{user_id}"


def unread_group(user_id: int) -> str:
    """Return the group of what depends on what a user has read."""
    return f"unread-{user_id}"


def groups_of(
    event: str, data: str | bytes, room_id: int | None, user_id: int | None = None
) -> list[str]:
    """Return the groups to drop when the event is published."""
    if user_id is not None:
        # Nothing has changed for others, nor in the room.
        return [unread_group(user_id)]
    groups = [] if room_id is None else [room_group(room_id)]
    if event.startswith("room."):
        groups.append(ROOMS)
    elif event == "user.updated":
        groups += [USERS, reader_group(decode_user_id(data))]
    elif event == "tokens.revoked":
        groups.append(reader_group(decode_revocation(data).user_id))
    return groups

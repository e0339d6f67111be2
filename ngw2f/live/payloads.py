"""What events carry that is not a resource: a deleted message, who is typing, revoked tokens.

Resources are in `ngw2f/api_resources.py`.

A new kind of event reaches all transports once it is recorded.
`log.py` says who may see it, `choice.py` has its name, so that clients can choose it, and
`cache_groups.py` says which answers it makes old. `plain.py` words it for people, and
`ngw2f/web/live_markup.py` renders it for pages.
"""

import msgspec


class DeletedMessage(msgspec.Struct, frozen=True):
    """The payload of `message.deleted`."""

    id: int
    room_id: int
    user_id: int


class Typing(msgspec.Struct, frozen=True):
    """The payload of `typing`: who is typing in which room."""

    room_id: int
    user_id: int
    nickname: str


class RevokedTokens(msgspec.Struct, frozen=True):
    """The payload of `tokens.revoked`, for the hubs alone: check this user's tokens again."""

    user_id: int


def decode_revocation(data: str | bytes) -> RevokedTokens:
    return msgspec.json.decode(data, type=RevokedTokens)


class _OfUser(msgspec.Struct):
    id: int


def decode_user_id(data: str | bytes) -> int:
    """Return whose event a `user.updated` is."""
    return msgspec.json.decode(data, type=_OfUser).id

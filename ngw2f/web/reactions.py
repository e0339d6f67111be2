"""Reactions to messages: by the API, and by the page's forms."""

from typing import Any

import msgspec

from ngw2f.actions import rights
from ngw2f.api_resources import Reaction
from ngw2f.http import Request, Response, json_response, see_other
from ngw2f.live.cache_groups import room_group
from ngw2f.store.reactions import own_reactions, who_reacted
from ngw2f.web import auth
from ngw2f.web.caching import kept_json, personal
from ngw2f.web.services import Services

# What the picker offers; the field beside it takes any other.
OFFERED = (
    *("👍", "❤️", "😂", "🎉", "😮", "😢", "🙏", "👀"),
    *("🔥", "✅", "❌", "💯", "🤔", "👏", "🚀", "☕"),
)


class Reactions(msgspec.Struct):
    reactions: tuple[Reaction, ...]


class Reacting(msgspec.Struct):
    """An emoji, and who put it there: the first ones, in their order."""

    emoji: str
    user_ids: list[int]


class WhoReacted(msgspec.Struct):
    reactions: list[Reacting]


def index(services: Services, request: Request, message_id: int) -> Response:
    reader = auth.find_reader(services, request)
    with services.core.database.reading() as connection:
        message = rights.find_message(connection, message_id, reader)
        found = who_reacted(connection, message_id)
    who = WhoReacted([Reacting(emoji, user_ids) for emoji, user_ids in found.items()])
    return kept_json(request, who, reader, [room_group(message.room_id)])


def add(services: Services, request: Request, message_id: int, emoji: str) -> Response:
    return _react(services, request, message_id, emoji, is_on=True)


def remove(services: Services, request: Request, message_id: int, emoji: str) -> Response:
    return _react(services, request, message_id, emoji, is_on=False)


def _react(
    services: Services, request: Request, message_id: int, emoji: str, *, is_on: bool
) -> Response:
    user = auth.require_user(services, request)
    found = services.actions.reactions.react(user, message_id, emoji, is_on=is_on)
    return json_response(Reactions(found))


def toggle(services: Services, request: Request, message_id: int) -> Response:
    """Put an emoji beside a message by a form, or take it away."""
    user = auth.require_user(services, request)
    emoji = (request.form_field("other") or request.form_field("emoji")).strip()
    services.actions.reactions.react(user, message_id, emoji, is_on=None)
    return see_other(f"/messages/{message_id}")


def show(services: Services, request: Request, message_id: int) -> Response:
    """Answer with a page to choose an emoji on."""
    user = auth.require_user(services, request)
    with services.core.database.reading() as connection:
        message = rights.find_message(connection, message_id, user)
        room = rights.find_room(connection, message.room_id, user)
        own = own_reactions(connection, [message_id], user.id)
    values: dict[str, Any] = {
        "message": message,
        "room": room,
        "reader": user,
        "mine": own,
        "offered": OFFERED,
    }
    return personal(services.templates.page(request, "react.html", values))

"""What the account has read of a room, by the API and by the page's forms."""

from typing import Annotated

import msgspec
from msgspec import Meta

from ngw2f.actions import rights
from ngw2f.api_resources import MAX_ID
from ngw2f.errors import Invalid
from ngw2f.http import Request, Response, json_response, see_other
from ngw2f.web import auth
from ngw2f.web.services import Services


class Place(msgspec.Struct):
    """A message of the room, which may be deleted by now."""

    message_id: Annotated[int, Meta(ge=0, le=MAX_ID)]


def mark_read(services: Services, request: Request, room_id: int) -> Response:
    user = auth.require_user(services, request)
    place = request.json_body(Place)
    return json_response(services.actions.readings.mark_read(user, room_id, place.message_id))


def mark_unread(services: Services, request: Request, room_id: int) -> Response:
    user = auth.require_user(services, request)
    place = request.json_body(Place)
    return json_response(services.actions.readings.mark_unread(user, room_id, place.message_id))


def mark_room(
    services: Services, request: Request, name: str, room_id: int | None = None
) -> Response:
    """Note, by a form, that all is read up to the message that the page ended with."""
    user = auth.require_user(services, request)
    with services.core.database.reading() as connection:
        room = rights.find_room_named(connection, name, user, room_id)
    text = request.form_field("message_id")
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_ID))):
        raise Invalid("message_id must be the id of a message")
    services.actions.readings.mark_read(user, room.id, int(text))
    return see_other(room.links.page)


def mute(services: Services, request: Request, room_id: int) -> Response:
    user = auth.require_user(services, request)
    return json_response(services.actions.readings.mute(user, room_id, is_muted=True))


def unmute(services: Services, request: Request, room_id: int) -> Response:
    user = auth.require_user(services, request)
    return json_response(services.actions.readings.mute(user, room_id, is_muted=False))


def mute_room(
    services: Services, request: Request, name: str, room_id: int | None = None
) -> Response:
    """Mute or unmute a room by a form."""
    user = auth.require_user(services, request)
    with services.core.database.reading() as connection:
        room = rights.find_room_named(connection, name, user, room_id)
    is_muted = bool(request.form_field("muted"))
    services.actions.readings.mute(user, room.id, is_muted=is_muted)
    return see_other(room.links.page)


def mark_message(services: Services, request: Request, message_id: int) -> Response:
    """Note, by a form, that a message and all after it in its room is unread."""
    user = auth.require_user(services, request)
    with services.core.database.reading() as connection:
        message = rights.find_message(connection, message_id, user)
        room = rights.find_room(connection, message.room_id, user)
    services.actions.readings.mark_unread(user, room.id, message_id)
    return see_other(room.links.page + "#new")

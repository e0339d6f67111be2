"""`/messages/ID`: the message in its room, on the page of the history that has it."""

from sqlalchemy import Connection

from ngw2f.actions import rights
from ngw2f.api_resources import Message, Room
from ngw2f.errors import Unauthenticated
from ngw2f.http import Request, Response, see_other
from ngw2f.store.message_pages import Page, list_versions
from ngw2f.store.users import UserRow
from ngw2f.web import auth
from ngw2f.web.caching import personal
from ngw2f.web.paging import DEFAULT_LIMIT
from ngw2f.web.services import Services
from ngw2f.web.sign_in import sign_in_form

# How many messages of its page come after it: half of them, so that both sides can be read.
AFTER = DEFAULT_LIMIT // 2


def show(services: Services, request: Request, message_id: int) -> Response:
    """Redirect to the message. Raises NotFound."""
    try:
        reader = auth.find_reader(services, request)
    except Unauthenticated as error:
        return sign_in_form(services, request, error.sentence, 401)
    with services.core.database.reading() as connection:
        message = rights.find_message(connection, message_id, reader)
        room = rights.find_room(connection, message.room_id, reader)
        return personal(see_other(_place_of(connection, message, room, reader)))


def _place_of(connection: Connection, message: Message, room: Room, reader: UserRow | None) -> str:
    """Return the URL of the room's live page if the message is on it, else of an older page."""
    page = Page(limit=DEFAULT_LIMIT, after=message.id)
    later = list_versions(connection, room.id, reader, page).versions
    is_on_live_page = len(later) < DEFAULT_LIMIT
    query = "" if is_on_live_page else f"?before={later[AFTER][0]}"
    return f"{room.links.page}{query}#m{message.id}"

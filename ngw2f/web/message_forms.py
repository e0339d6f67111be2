"""What a person does with a message by forms: edit, reply, delete, restore.

With JavaScript the page does the same by the API, and stays where it is.
"""

from ngw2f.actions import rights
from ngw2f.api_resources import Message, Room
from ngw2f.http import Request, Response, see_other
from ngw2f.store import users
from ngw2f.store.users import UserRow
from ngw2f.web import auth
from ngw2f.web.caching import personal
from ngw2f.web.pages import REFUSALS, Draft
from ngw2f.web.services import Services


def edit_page(services: Services, request: Request, message_id: int) -> Response:
    user = auth.require_user(services, request)
    with services.core.database.reading() as connection:
        message = rights.find_own_message(connection, message_id, user)
    return _edit_page(services, request, user, message, Draft(message.source))


def _edit_page(
    services: Services, request: Request, user: UserRow, message: Message, draft: Draft
) -> Response:
    with services.core.database.reading() as connection:
        room = rights.find_room(connection, message.room_id, user)
    values = {"message": message, "room": room, "reader": user, "draft": draft}
    return draft.answered(personal(services.templates.page(request, "edit.html", values)))


def edit_message(services: Services, request: Request, message_id: int) -> Response:
    user = auth.require_user(services, request)
    room = _room_with(services, message_id, user)
    source = request.form_field("source")
    try:
        services.actions.messages.edit(user, message_id, source)
    except REFUSALS as error:
        with services.core.database.reading() as connection:
            message = rights.find_own_message(connection, message_id, user)
        return _edit_page(services, request, user, message, Draft(source, error))
    return see_other(room.links.page + f"#m{message_id}")


def reply_page(services: Services, request: Request, message_id: int) -> Response:
    """Lead to the form of the message's room, which then answers it."""
    user = auth.require_user(services, request)
    with services.core.database.reading() as connection:
        message = rights.find_message(connection, message_id, user)
        room = rights.find_room(connection, message.room_id, user)
    return see_other(f"{room.links.page}?reply_to={message_id}#write")


def ask_to_delete(services: Services, request: Request, message_id: int) -> Response:
    """Show a message, and ask whether to delete it; one of another's cannot be restored."""
    user = auth.require_user(services, request)
    with services.core.database.reading() as connection:
        message = rights.find_message_to_delete(connection, message_id, user)
        values = {
            "message": message,
            "room": rights.find_room(connection, message.room_id, user),
            "nickname": users.nicknames_of(connection, {message.user_id}).get(message.user_id, "?"),
            "reader": user,
        }
    return personal(services.templates.page(request, "delete.html", values))


def delete_message(services: Services, request: Request, message_id: int) -> Response:
    user = auth.require_user(services, request)
    room = _room_with(services, message_id, user)
    services.actions.messages.remove(user, message_id)
    return see_other(f"{room.links.page}?deleted={message_id}#end")


def restore_message(services: Services, request: Request, message_id: int) -> Response:
    user = auth.require_user(services, request)
    message = services.actions.messages.restore(user, message_id)
    return see_other(f"/messages/{message.id}")


def _room_with(services: Services, message_id: int, user: UserRow) -> Room:
    """Return the room of a message that the user sees. Raises NotFound.

    Read it before the change: a read that fails after it would report the change as failed.
    """
    with services.core.database.reading() as connection:
        message = rights.find_message(connection, message_id, user)
        return rights.find_room(connection, message.room_id, user)

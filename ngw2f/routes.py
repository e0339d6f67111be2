"""Every path of the chat in one file. Each rule's endpoint is the function that answers."""

from collections.abc import Callable

from werkzeug import routing
from werkzeug.routing import BaseConverter, Map

from ngw2f.api_resources import MAX_ID
from ngw2f.web import (
    account,
    admin_pages,
    administration,
    directs,
    events,
    file_forms,
    files,
    inbox,
    installable,
    message_forms,
    messages,
    metrics,
    pages,
    permalinks,
    reactions,
    readings,
    room_details,
    rooms,
    search,
    sign_in,
    status,
    thumbnails,
    tickets,
    tokens,
    users,
    waiting,
    websocket,
)
from ngw2f.web.openapi import document
from ngw2f.web.socketio import SocketIOGateway


class Rule(routing.Rule):
    """Werkzeug's, whose functions that build URLs are compiled when one is built.

    The chat builds none, as resources say their own links; to compile all takes a fifteenth of the
    start of a worker.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compile_now = super()._compile_builder

        def build(rule: Rule, **values: object) -> tuple[str, str]:
            return compile_now(append_unknown)(rule, **values)

        return build


class IdConverter(BaseConverter):
    """A row's id. An id too great for the database becomes 0, which no row has.

    If it were refused here, the answer would be 405 if the path has a rule for another method.
    """

    regex = r"[1-9][0-9]{0,9}"

    def to_python(self, value: str) -> int:
        return int(value) if int(value) <= MAX_ID else 0


def build_url_map(socketio: SocketIOGateway) -> Map:
    rules = [
        *_for_people(),
        *_settings(),
        *_for_administrators(),
        *_for_programs(),
        *_long_lived(socketio),
        *_for_operators(),
    ]
    # A path means one thing: no slash is added or taken away by a redirect.
    return Map(rules, converters={"id": IdConverter}, strict_slashes=True, merge_slashes=False,
               redirect_defaults=False)  # fmt: skip


def _for_people() -> list[Rule]:
    return [
        Rule("/", endpoint=pages.home, methods=["GET"]),
        Rule("/login", endpoint=sign_in.sign_in_page, methods=["GET"]),
        Rule("/login", endpoint=sign_in.sign_in, methods=["POST"]),
        Rule("/logout", endpoint=sign_in.sign_out_page, methods=["GET"]),
        Rule("/logout", endpoint=sign_in.sign_out, methods=["POST"]),
        Rule("/manifest.webmanifest", endpoint=installable.manifest, methods=["GET"]),
        Rule("/service-worker.js", endpoint=installable.service_worker, methods=["GET"]),
        Rule("/join/<code>", endpoint=sign_in.join, methods=["GET"]),
        *_for_people_in_rooms(),
        Rule("/inbox", endpoint=inbox.show, methods=["GET"]),
        Rule("/search", endpoint=search.show, methods=["GET"]),
        *_for_people_with("/messages/<id:message_id>"),
        Rule("/files/<id:file_id>/<file_name>", endpoint=files.show, methods=["GET"]),
        Rule(
            "/files/<id:file_id>/<file_name>/picture", endpoint=files.show_picture, methods=["GET"]
        ),
        Rule("/thumbnails/<name>", endpoint=thumbnails.show, methods=["GET"]),
    ]


def _for_people_in_rooms() -> list[Rule]:
    return [
        Rule("/rooms", endpoint=pages.list_rooms, methods=["GET"]),
        Rule("/rooms", endpoint=pages.create, methods=["POST"]),
        Rule("/rooms/<name>", endpoint=pages.show_room, methods=["GET"]),
        Rule("/rooms/<name>", endpoint=pages.post_message, methods=["POST"]),
        Rule("/rooms/<name>/files", endpoint=file_forms.post, methods=["POST"]),
        Rule("/rooms/<name>/<id:room_id>/files", endpoint=file_forms.post, methods=["POST"]),
        Rule("/rooms/<name>/read", endpoint=readings.mark_room, methods=["POST"]),
        # Of private rooms several may have a name.
        Rule("/rooms/<name>/<id:room_id>", endpoint=pages.show_room, methods=["GET"]),
        Rule("/rooms/<name>/<id:room_id>", endpoint=pages.post_message, methods=["POST"]),
        Rule("/rooms/<name>/<id:room_id>/read", endpoint=readings.mark_room, methods=["POST"]),
        Rule("/rooms/<name>/mute", endpoint=readings.mute_room, methods=["POST"]),
        Rule("/rooms/<name>/<id:room_id>/mute", endpoint=readings.mute_room, methods=["POST"]),
        Rule("/direct", endpoint=directs.show, methods=["GET"]),
        Rule("/direct", endpoint=directs.open_by_form, methods=["POST"]),
        *_for_people_who_talk_directly("/direct/<id:room_id>"),
        *_for_people_about("/rooms/<name>"),
        *_for_people_about("/rooms/<name>/<id:room_id>"),
    ]


def _for_people_who_talk_directly(room: str) -> list[Rule]:
    endpoints = [
        ("", pages.show_room, "GET"),
        ("", pages.post_message, "POST"),
        ("/files", file_forms.post, "POST"),
        ("/read", readings.mark_room, "POST"),
        ("/mute", readings.mute_room, "POST"),
        ("/details", room_details.show, "GET"),
    ]
    return [
        # Such a room has no name.
        Rule(room + page, endpoint=endpoint, methods=[method], defaults={"name": ""})
        for page, endpoint, method in endpoints
    ]


def _for_people_about(room: str) -> list[Rule]:
    """Return the pages about a room, below its own page."""
    return [
        Rule(f"{room}/details", endpoint=room_details.show, methods=["GET"]),
        Rule(f"{room}/details", endpoint=room_details.change, methods=["POST"]),
        Rule(f"{room}/archive", endpoint=room_details.archive, methods=["POST"]),
        Rule(f"{room}/members", endpoint=room_details.invite, methods=["POST"]),
        Rule(f"{room}/members/remove", endpoint=room_details.remove, methods=["POST"]),
        Rule(f"{room}/leave", endpoint=room_details.leave, methods=["POST"]),
    ]


def _settings() -> list[Rule]:
    return [
        Rule("/account", endpoint=account.show, methods=["GET"]),
        Rule("/account", endpoint=account.change_password, methods=["POST"]),
        Rule("/account/nickname", endpoint=account.change_nickname, methods=["POST"]),
        Rule("/account/theme", endpoint=account.change_theme, methods=["POST"]),
        Rule("/account/language", endpoint=account.change_language, methods=["POST"]),
        Rule("/account/tokens", endpoint=account.create_token, methods=["POST"]),
        Rule("/account/tokens/<id:token_id>", endpoint=account.revoke, methods=["POST"]),
        Rule("/account/delete", endpoint=account.ask_to_delete, methods=["GET"]),
        Rule("/account/delete", endpoint=account.delete, methods=["POST"]),
        Rule("/account/sessions", endpoint=account.end_other_sessions, methods=["POST"]),
    ]


def _for_people_with(message: str) -> list[Rule]:
    """Return what a person does with a message; *message* is the path of it."""
    return [
        Rule(message, endpoint=permalinks.show, methods=["GET"]),
        Rule(f"{message}/edit", endpoint=message_forms.edit_page, methods=["GET"]),
        Rule(f"{message}/edit", endpoint=message_forms.edit_message, methods=["POST"]),
        Rule(f"{message}/reply", endpoint=message_forms.reply_page, methods=["GET"]),
        Rule(f"{message}/react", endpoint=reactions.show, methods=["GET"]),
        Rule(f"{message}/reactions", endpoint=reactions.toggle, methods=["POST"]),
        Rule(f"{message}/delete", endpoint=message_forms.ask_to_delete, methods=["GET"]),
        Rule(f"{message}/delete", endpoint=message_forms.delete_message, methods=["POST"]),
        Rule(f"{message}/restore", endpoint=message_forms.restore_message, methods=["POST"]),
        Rule(f"{message}/unread", endpoint=readings.mark_message, methods=["POST"]),
    ]


def _for_administrators() -> list[Rule]:
    return [
        Rule("/admin", endpoint=admin_pages.show, methods=["GET"]),
        Rule("/admin/log", endpoint=admin_pages.show_log, methods=["GET"]),
        Rule("/admin/registration", endpoint=admin_pages.change_registration, methods=["POST"]),
        Rule("/admin/invitations", endpoint=admin_pages.invite, methods=["POST"]),
        Rule("/admin/invitations/<id:invitation_id>", endpoint=admin_pages.revoke_invitation,
             methods=["POST"]),
        Rule("/admin/accounts/<id:user_id>", endpoint=admin_pages.change_account,
             methods=["POST"]),
        Rule("/api/registration", endpoint=administration.show_registration, methods=["GET"]),
        Rule("/api/registration", endpoint=administration.change_registration, methods=["PUT"]),
        Rule("/api/invitations", endpoint=administration.list_invitations, methods=["GET"]),
        Rule("/api/invitations", endpoint=administration.invite, methods=["POST"]),
        Rule("/api/invitations/<id:invitation_id>", endpoint=administration.revoke_invitation,
             methods=["DELETE"]),
        Rule("/api/users/<id:user_id>/suspension", endpoint=administration.suspend,
             methods=["PUT"]),
        Rule("/api/users/<id:user_id>/suspension", endpoint=administration.lift_suspension,
             methods=["DELETE"]),
        Rule("/api/users/<id:user_id>/administrator", endpoint=administration.appoint,
             methods=["PUT"]),
        Rule("/api/users/<id:user_id>/administrator", endpoint=administration.dismiss,
             methods=["DELETE"]),
        Rule("/api/audit", endpoint=administration.show_log, methods=["GET"]),
    ]  # fmt: skip


def _for_programs() -> list[Rule]:
    return [
        Rule("/api/users", endpoint=users.index, methods=["GET"]),
        Rule("/api/users", endpoint=users.create, methods=["POST"]),
        Rule("/api/users/<id:user_id>", endpoint=users.show, methods=["GET"]),
        Rule("/api/users/<id:user_id>", endpoint=users.change, methods=["PUT"]),
        Rule("/api/users/<id:user_id>", endpoint=users.delete, methods=["DELETE"]),
        Rule("/api/users/<id:user_id>/export", endpoint=users.export, methods=["GET"]),
        Rule("/api/tokens", endpoint=tokens.create, methods=["POST"]),
        Rule("/api/tokens", endpoint=tokens.revoke, methods=["DELETE"]),
        Rule("/api/tokens", endpoint=tokens.index, methods=["GET"]),
        Rule("/api/tokens/<id:token_id>", endpoint=tokens.revoke_one, methods=["DELETE"]),
        Rule("/api/sessions", endpoint=tokens.end_other_sessions, methods=["DELETE"]),
        Rule("/api/tickets", endpoint=tickets.create, methods=["POST"]),
        *_for_programs_in_rooms(),
        Rule("/api/messages", endpoint=messages.index, methods=["GET"]),
        Rule("/api/messages", endpoint=messages.create, methods=["POST"]),
        Rule("/api/messages/<id:message_id>", endpoint=messages.show, methods=["GET"]),
        Rule("/api/messages/<id:message_id>", endpoint=messages.change, methods=["PUT"]),
        Rule("/api/messages/<id:message_id>", endpoint=messages.delete, methods=["DELETE"]),
        Rule("/api/messages/<id:message_id>/reactions", endpoint=reactions.index, methods=["GET"]),
        Rule("/api/messages/<id:message_id>/reactions/<emoji>", endpoint=reactions.add,
             methods=["PUT"]),
        Rule("/api/messages/<id:message_id>/reactions/<emoji>", endpoint=reactions.remove,
             methods=["DELETE"]),
        Rule("/api/messages/<id:message_id>/restore", endpoint=messages.restore, methods=["POST"]),
        Rule("/api/search", endpoint=search.index, methods=["GET"]),
        Rule("/api/stats", endpoint=status.all_stats, methods=["GET"]),
        Rule("/api/openapi.json", endpoint=document.show, methods=["GET"]),
        Rule("/tasks/<task_id>", endpoint=waiting.show_task, methods=["GET"]),
    ]  # fmt: skip


def _for_programs_in_rooms() -> list[Rule]:
    return [
        Rule("/api/rooms", endpoint=rooms.index, methods=["GET"]),
        Rule("/api/rooms", endpoint=rooms.create, methods=["POST"]),
        Rule("/api/direct", endpoint=directs.create, methods=["POST"]),
        Rule("/api/rooms/<id:room_id>", endpoint=rooms.show, methods=["GET"]),
        Rule("/api/rooms/<id:room_id>", endpoint=rooms.change, methods=["PUT"]),
        Rule("/api/rooms/<id:room_id>/messages", endpoint=messages.index, methods=["GET"]),
        Rule("/api/rooms/<id:room_id>/messages", endpoint=messages.create, methods=["POST"]),
        Rule("/api/rooms/<id:room_id>/files", endpoint=files.create, methods=["POST"]),
        Rule("/api/rooms/<id:room_id>/typing", endpoint=rooms.type_in, methods=["POST"]),
        Rule("/api/rooms/<id:room_id>/read", endpoint=readings.mark_read, methods=["PUT"]),
        Rule("/api/rooms/<id:room_id>/unread", endpoint=readings.mark_unread, methods=["PUT"]),
        Rule("/api/rooms/<id:room_id>/mute", endpoint=readings.mute, methods=["PUT"]),
        Rule("/api/rooms/<id:room_id>/mute", endpoint=readings.unmute, methods=["DELETE"]),
        Rule("/api/inbox", endpoint=inbox.index, methods=["GET"]),
        Rule("/api/rooms/<id:room_id>/members", endpoint=rooms.members, methods=["GET"]),
        Rule("/api/rooms/<id:room_id>/members/<id:user_id>", endpoint=rooms.add_member,
             methods=["PUT"]),
        Rule("/api/rooms/<id:room_id>/members/<id:user_id>", endpoint=rooms.remove_member,
             methods=["DELETE"]),
    ]  # fmt: skip


def _long_lived(socketio: SocketIOGateway) -> list[Rule]:
    # `paths.py` has these, too, for those who treat them apart.
    return [
        Rule("/api/events", endpoint=events.poll, methods=["GET"]),
        Rule("/events", endpoint=events.stream, methods=["GET"]),
        Rule("/ws", endpoint=websocket.connect, methods=["GET"]),
        Rule("/socket.io/", endpoint=socketio.serve, methods=["GET", "POST"]),
    ]


def _for_operators() -> list[Rule]:
    return [
        Rule("/stats", endpoint=status.stats, methods=["GET"]),
        Rule("/readyz", endpoint=status.ready, methods=["GET"]),
        Rule("/metrics", endpoint=metrics.show, methods=["GET"]),
    ]

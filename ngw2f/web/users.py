"""Users: register, look up, change one's own account."""

from collections.abc import Callable
from functools import partial

import msgspec

from ngw2f.actions.accounts import Changes, ChosenLanguage, Theme
from ngw2f.api_resources import User
from ngw2f.errors import Forbidden, NotFound
from ngw2f.http import JSON_TYPE, Request, Response, json_response, no_content
from ngw2f.live.cache_groups import USERS
from ngw2f.store import users
from ngw2f.store.users import UserRow
from ngw2f.web import auth, tokens
from ngw2f.web.caching import KEPT_SHORTLY_SECONDS, kept_json
from ngw2f.web.devices import client_of
from ngw2f.web.paging import Cursor, cursor_of, linked, next_page
from ngw2f.web.services import Services

# Who is online is not in the database, so its users are looked through in chunks of this size.
CHUNK = 500
ListUsers = Callable[..., list[UserRow]]


class NewUser(msgspec.Struct):
    nickname: str
    password: str
    # The code of an invitation, where one is needed.
    invitation: str = ""


class ChangedUser(msgspec.Struct):
    """What a user wants to change; what is left out stays as it is."""

    nickname: str | None = None
    password: str | None = None
    # Needed for a new password: whoever finds a session open does not get the account.
    current_password: str | None = None
    theme: Theme | None = None
    language: ChosenLanguage | None = None


class Users(msgspec.Struct):
    users: list[User]


def create(services: Services, request: Request) -> Response:
    body = request.json_body(NewUser)
    client = client_of(request)
    registered = services.actions.accounts.register(
        client, body.nickname, body.password, body.invitation
    )
    user = registered.user
    response = json_response(user, 201)
    response.headers["Location"] = user.links.self
    return response


def index(services: Services, request: Request) -> Response:
    reader = auth.find_reader(services, request)
    cursor = cursor_of(request)
    updated_since = request.time_argument("updated_since")
    wanted = request.integer_argument("online", 0, 1)
    online = services.presence.online_ids()
    with services.core.database.reading() as connection:
        list_ = partial(users.list_users, connection, updated_since)
        if wanted is None:
            rows = list_(after=cursor.after, limit=cursor.wanted)
        elif wanted:
            rows = _list_online(list_, cursor, online)
        else:
            rows = _list_offline(list_, cursor, online)
    found = [row.as_resource(online=row.id in online) for row in cursor.cut(rows)]
    response = kept_json(request, Users(found), reader, [USERS], KEPT_SHORTLY_SECONDS)
    link = next_page(request.path, cursor, rows, online=wanted, updated_since=updated_since)
    return linked(response, link)


def _list_online(list_: ListUsers, cursor: Cursor, online: set[int]) -> list[UserRow]:
    ids = sorted(user_id for user_id in online if user_id > cursor.after)
    found: list[UserRow] = []
    for start in range(0, len(ids), CHUNK):
        if len(found) >= cursor.wanted:
            break
        found += list_(among=ids[start : start + CHUNK], limit=CHUNK)
    return found


def _list_offline(list_: ListUsers, cursor: Cursor, online: set[int]) -> list[UserRow]:
    found: list[UserRow] = []
    after: int | None = cursor.after
    while after is not None and len(found) < cursor.wanted:
        rows = list_(after=after, limit=CHUNK)
        found += [row for row in rows if row.id not in online]
        after = rows[-1].id if len(rows) == CHUNK else None
    return found


def show(services: Services, request: Request, user_id: int) -> Response:
    reader = auth.find_reader(services, request)
    with services.core.database.reading() as connection:
        row = users.find_user(connection, user_id)
    if row is None:
        raise NotFound("there is no such user")
    user = row.as_resource(online=services.presence.is_online(user_id))
    return kept_json(request, user, reader, [USERS], KEPT_SHORTLY_SECONDS)


def delete(services: Services, request: Request, user_id: int) -> Response:
    """Delete the account whose nickname and password are sent as Basic (RFC 7617)."""
    known = tokens.check_basic(services, request)
    if known.user_id != user_id:
        raise Forbidden("only the account itself may do this")
    services.actions.accounts.delete(known)
    return no_content()


def export(services: Services, request: Request, user_id: int) -> Response:
    """Answer with all that the chat has of a user, as a file; for the user alone."""
    user = auth.require_user(services, request)
    if user.id != user_id:
        raise Forbidden("only the account itself may do this")
    response = Response(services.actions.exports.of(user), mimetype=JSON_TYPE)
    response.headers["Content-Disposition"] = f'attachment; filename="ngw2f-account-{user.id}.json"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


def change(services: Services, request: Request, user_id: int) -> Response:
    """Change the account; a new password signs out everywhere else."""
    user = auth.require_user(services, request)
    body = request.json_body(ChangedUser)
    changes = Changes(**msgspec.structs.asdict(body))
    services.actions.accounts.change(user, user_id, client_of(request), changes)
    return no_content()

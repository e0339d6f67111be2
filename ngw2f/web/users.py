"""Users: register, look up, change oneself."""

from collections.abc import Callable
from functools import partial

import msgspec
from sqlalchemy import Connection

from ngw2f.http import Request, Response, json_response, no_content, problem
from ngw2f.live.groups import USERS
from ngw2f.resources import User
from ngw2f.store import devices, tokens, users
from ngw2f.store.events import Run
from ngw2f.store.users import Credentials, NicknameTakenError, UserRow
from ngw2f.text.lookalikes import shapes_of
from ngw2f.text.names import InvalidNameError, check_nickname, name_key
from ngw2f.text.password import InvalidPasswordError, prepare_password
from ngw2f.web import accounts, auth
from ngw2f.web.caching import KEPT_SHORTLY_SECONDS, kept_json
from ngw2f.web.paging import Cursor, cursor_of, linked, next_page
from ngw2f.web.services import Services

# Who is online is known apart from the database, which is asked for so many at once.
CHUNK = 500
ListUsers = Callable[..., list[UserRow]]


class NewUser(msgspec.Struct):
    nickname: str
    password: str


class ChangedUser(msgspec.Struct):
    """What a user may change of oneself; what is left out stays."""

    nickname: str | None = None
    password: str | None = None
    # Asked for with a new password: who finds a session open does not get the account.
    current_password: str | None = None


class Users(msgspec.Struct):
    users: list[User]


def create(services: Services, request: Request) -> Response:
    body = request.json_body(NewUser)
    registered = accounts.register(services, request, body.nickname, body.password)
    user = registered.user.as_resource(online=False)
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
        raise problem(404, "there is no such user")
    user = row.as_resource(online=services.presence.is_online(user_id))
    return kept_json(request, user, reader, [USERS], KEPT_SHORTLY_SECONDS)


def change(services: Services, request: Request, user_id: int) -> Response:
    """Change nickname or password; a new password signs out everywhere else."""
    user = auth.require_user(services, request)
    if user.id != user_id:
        raise problem(403, "only the user may do this")
    services.limits.take("account", user_id)
    change_user(services, request, user, request.json_body(ChangedUser))
    return no_content()


def change_user(services: Services, request: Request, user: UserRow, body: ChangedUser) -> None:
    """Do all that the body asks for, or nothing. Raises 400, 403, 429, 503.

    A new password revokes all tokens but the one that was sent, ends their streams, and
    no browser is known any more.
    """
    values: dict[str, str] = {}
    shapes: frozenset[str] = frozenset()
    # One that was good once stays good.
    if body.nickname is not None and body.nickname != user.nickname:
        try:
            values["nickname"] = check_nickname(body.nickname)
        except InvalidNameError as error:
            raise problem(400, str(error)) from error
        values["nickname_key"] = name_key(values["nickname"])
        shapes = shapes_of(values["nickname"])
    known = None
    if body.password is not None:
        known, values["password_hash"] = _new_password(services, request, user, body)
    runs: list[Run] = []
    try:
        with services.core.database.writing() as connection:
            # Whoever signs out has locked a token when its turn comes: rows go before turns.
            if known:
                _sign_out_elsewhere(connection, known, keep=auth.token_of(request) or "")
                runs.append(auth.record_revocation(services, connection, user.id))
            users.change_user(connection, user.id, shapes, **values)
            changed = users.find_user(connection, user.id)
            if changed:
                resource = changed.as_resource(online=True)
                runs.append(services.core.events.record(connection, "user.updated", resource))
    except NicknameTakenError as error:
        raise problem(400, accounts.TAKEN) from error
    services.core.events.publish(*runs)


def _new_password(
    services: Services, request: Request, user: UserRow, body: ChangedUser
) -> tuple[Credentials, str]:
    """Return what is stored now, and what is to be. Raises 400, 403, 429, 503."""
    try:
        prepare_password(body.password or "")
    except InvalidPasswordError as error:
        raise problem(400, str(error)) from error
    if body.current_password is None:
        raise problem(403, "to change the password, send the present one as current_password")
    known = accounts.confirm_password(services, request, user, body.current_password)
    if known is None:
        raise problem(403, "the current password is wrong")
    asker = accounts.owner_asker(request, user)
    return known, accounts.hash_password(services, asker, body.password or "")


def _sign_out_elsewhere(connection: Connection, known: Credentials, keep: str) -> None:
    # Of two changes by one old password the second would undo what the first is for.
    if not users.lock_current(connection, known):
        raise problem(403, "the current password is wrong: it has just been changed")
    tokens.revoke_tokens_of(connection, known.user_id, keep=keep)
    devices.forget_devices_of(connection, known.user_id)

"""Accounts: registering one, and proving by a password whose one is.

Sets `ngw2f.known_browser` in the environ: somebody has signed in with the browser before, so
the chain has not counted this try to sign in.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import NamedTuple
from wsgiref.types import WSGIEnvironment

from sqlalchemy import Connection

from middleware.rate_limit import client_address
from ngw2f.broker.tries import Guesser
from ngw2f.errors import TooMany, Unavailable
from ngw2f.hashing import Asker, TooManyHashesError, TooManyOfOneError
from ngw2f.http import Request, Response, problem
from ngw2f.store import devices, users
from ngw2f.store.devices import DEVICE_DAYS
from ngw2f.store.tokens import SECONDS_A_DAY
from ngw2f.store.users import Credentials, NicknameTakenError, UserRow
from ngw2f.text.lookalikes import shapes_of
from ngw2f.text.names import InvalidNameError, check_nickname, composed, name_key, old_name_key
from ngw2f.text.password import InvalidPasswordError
from ngw2f.web.errors import DATABASE_ERRORS
from ngw2f.web.services import Services

# What waits to be hashed is done within some seconds.
RETRY_AFTER_SECONDS = 2
TAKEN = "the nickname is taken"
LOOKS_TAKEN = "the nickname is taken, by one that looks the same"
DEVICE = "device-"
# So many people's marks of a browser are looked at before their sign-in.
MAX_DEVICES_OF_BROWSER = 8
KNOWN_BROWSER = "ngw2f.known_browser"


def is_registered(services: Services, nickname: str) -> bool:
    with services.core.database.reading() as connection:
        return find_named(connection, nickname) is not None


def find_named(connection: Connection, nickname: str) -> Credentials | None:
    """Return what is stored of the user whose nickname was typed, in whatever form."""
    return users.find_credentials(
        connection, name_key(nickname), old_name_key(nickname), composed(nickname)
    )


def check_password(
    services: Services, request: Request, nickname: str, password: str
) -> Credentials | None:
    """Return what is stored of the user whose nickname and password these are, else None.

    Raises 429 after too many wrong tries, or too many from this address, or while too many
    wait in the queue for this account; 503 if too many wait.
    """
    key = name_key(nickname)
    with services.core.database.reading() as connection:
        found = find_named(connection, nickname)
        guesser = _guesser(connection, request, found)
    if KNOWN_BROWSER in request.environ and not guesser.is_known:
        # Another's account: for that, the browser is a stranger's.
        services.limits.take("sign-in", _address(request))
    return _check(services, key, found, password, guesser)


def confirm_password(
    services: Services, request: Request, user: UserRow, password: str
) -> Credentials | None:
    """Return what is stored of a user who is signed in and types the password again, else None.

    Wrong ones are counted apart from those of strangers, who could lock the user out.
    Raises 429, 503.
    """
    with services.core.database.reading() as connection:
        found = users.find_credentials_of(connection, user.id)
    return _check(services, name_key(user.nickname), found, password, _owner(request))


def owner_asker(request: Request, user: UserRow) -> Asker:
    """Return who has a place in the queue of hashes: a user who is signed in."""
    return _asker(name_key(user.nickname), _owner(request))


def _owner(request: Request) -> Guesser:
    return Guesser(f"signed-in {_address(request)}", is_known=True)


def _check(
    services: Services, key: str, found: Credentials | None, password: str, guesser: Guesser
) -> Credentials | None:
    tries = services.wrong_tries
    if tries:
        tries.check(key, guesser)
    with _turns_explained():
        stored = found.password_hash if found else None
        checked = services.passwords.check(stored, password, _asker(key, guesser))
    if not found or not checked.is_correct:
        if tries:
            tries.count(key, guesser)
        return None
    return _renewed(services, found, checked.new_hash) if checked.new_hash else found


def _guesser(connection: Connection, request: Request, found: Credentials | None) -> Guesser:
    """Return as whom the request's tries count: its browser's, if the user has used that."""
    device = request.cookies.get(device_cookie(found.user_id)) if found else None
    if found and device and devices.is_device_of(connection, device, found.user_id):
        return Guesser(f"device {devices.digest_of(device).hex()}", is_known=True)
    return Guesser(_address(request))


def who_signs_in(services: Services, environ: WSGIEnvironment) -> str | None:
    """Return the address that a try to sign in counts for, as far as its head says.

    None for a browser that somebody has signed in with before: whoever shares its address
    does not shut it out. At whose account it tries is in the body (`check_password`).
    """
    cookies = Request(environ).cookies
    marks = (value for name, value in cookies.items() if name.startswith(DEVICE))
    tokens = list(islice(marks, MAX_DEVICES_OF_BROWSER))
    try:
        if tokens:
            with services.core.database.reading() as connection:
                if devices.is_any_device(connection, tokens):
                    environ[KNOWN_BROWSER] = True
                    return None
    except DATABASE_ERRORS:
        pass  # Whoever asks the database next says so.
    return client_address(environ)


def remember_device(services: Services, request: Request, response: Response, user_id: int) -> None:
    """Have the browser keep that the user has signed in with it, unless it does already."""
    name = device_cookie(user_id)
    with services.core.database.reading() as connection:
        if devices.is_device_of(connection, request.cookies.get(name, ""), user_id):
            return
    with services.core.database.writing() as connection:
        token = devices.create_device(connection, user_id)
    response.set_cookie(
        name,
        token,
        max_age=DEVICE_DAYS * SECONDS_A_DAY,
        # It is read there alone, and makes no other request's answer another one.
        path="/login",
        httponly=True,
        samesite="Lax",
        secure=request.is_secure,
    )


def device_cookie(user_id: int) -> str:
    """Return the cookie's name: several people may use one browser."""
    return f"{DEVICE}{user_id}"


def _renewed(services: Services, found: Credentials, new_hash: str) -> Credentials | None:
    """Store the hash anew that an older release made; None if another password was set."""
    with services.core.database.writing() as connection:
        is_set = users.replace_password_hash(connection, found, new_hash)
    return Credentials(found.user_id, new_hash) if is_set else None


class Registered(NamedTuple):
    user: UserRow
    credentials: Credentials


def register(services: Services, request: Request, nickname: str, password: str) -> Registered:
    """Store a new user. Raises 400 if the nickname or the password cannot be; 429, 503."""
    services.limits.take("register", _address(request))
    try:
        nickname = check_nickname(nickname)
    except InvalidNameError as error:
        raise problem(400, str(error)) from error
    key, shapes = name_key(nickname), shapes_of(nickname)
    with services.core.database.reading() as connection:
        if find_named(connection, nickname):
            raise problem(400, TAKEN)
        if users.is_shape_taken(connection, shapes):
            raise problem(400, LOOKS_TAKEN)
    password_hash = hash_password(services, Asker(key, _address(request)), password)
    try:
        with services.core.database.writing() as connection:
            user = users.create_user(connection, nickname, key, password_hash, shapes)
            resource = user.as_resource(online=False)
            run = services.core.events.record(connection, "user.updated", resource)
    except NicknameTakenError as error:
        raise problem(400, TAKEN) from error
    services.core.events.publish(run)
    return Registered(user, Credentials(user.id, password_hash))


def hash_password(services: Services, asker: Asker, password: str) -> str:
    """Return what to store of a new password. Raises 400, 429, 503."""
    try:
        with _turns_explained():
            return services.passwords.hash(password, asker)
    except InvalidPasswordError as error:
        raise problem(400, str(error)) from error


def _asker(key: str, guesser: Guesser) -> Asker:
    # Strangers who fill the account's part of the queue leave its owner another.
    return Asker(f"{key} {guesser.key}" if guesser.is_known else key, guesser.key)


def _address(request: Request) -> str:
    return client_address(request.environ) or ""


@contextmanager
def _turns_explained() -> Iterator[None]:
    try:
        yield
    except TooManyOfOneError as error:
        raise TooMany(
            "too many passwords of yours wait to be checked; try again in a moment",
            retry_after=RETRY_AFTER_SECONDS,
        ) from error
    except TooManyHashesError as error:
        raise Unavailable(
            "too many people are signing in; try again in a moment",
            retry_after=RETRY_AFTER_SECONDS,
        ) from error

"""Accounts: registering one, and proving by a password whose one is."""

from collections.abc import Iterator
from contextlib import contextmanager

from werkzeug.exceptions import ServiceUnavailable, TooManyRequests

from middleware.rate_limit import client_address
from ngw2f.hashing import Asker, TooManyHashesError, TooManyOfOneError
from ngw2f.http import Request, problem
from ngw2f.resources import User
from ngw2f.store import users
from ngw2f.store.users import Credentials, NicknameTakenError, UserRow
from ngw2f.text.names import InvalidNameError, check_nickname, name_key
from ngw2f.text.password import InvalidPasswordError
from ngw2f.web.services import Services

# What waits to be hashed is done within some seconds.
RETRY_AFTER_SECONDS = 2


def check_password(
    services: Services, request: Request, nickname: str, password: str
) -> Credentials | None:
    """Return what is stored of the user whose nickname and password these are, else None.

    Raises 429 after too many tries at one account, or while it has too many in the
    queue; 503 if too many wait.
    """
    key = name_key(nickname)
    if services.sign_in_limit:
        services.sign_in_limit.take(key)
    with services.database.reading() as connection:
        found = users.find_credentials(connection, key)
    with _turns_explained():
        asker = asker_of(request, key)
        stored = found.password_hash if found else None
        checked = services.passwords.check(stored, password, asker)
    if not found or not checked.is_correct:
        return None
    return _renewed(services, found, checked.new_hash) if checked.new_hash else found


def _renewed(services: Services, found: Credentials, new_hash: str) -> Credentials | None:
    """Store the hash anew that an older release made; None if another password was set."""
    with services.database.writing() as connection:
        is_set = users.replace_password_hash(connection, found, new_hash)
    return Credentials(found.user_id, new_hash) if is_set else None


def register(services: Services, request: Request, nickname: str, password: str) -> UserRow:
    """Store a new user. Raises 400 if the nickname or the password cannot be; 429, 503."""
    services.limits.take("register", client_address(request.environ) or "")
    try:
        nickname = check_nickname(nickname)
    except InvalidNameError as error:
        raise problem(400, str(error)) from error
    key = name_key(nickname)
    with services.database.reading() as connection:
        if users.find_credentials(connection, key):
            raise problem(400, "the nickname is taken")
    password_hash = hash_password(services, asker_of(request, key), password)
    try:
        with services.database.writing() as connection:
            user = users.create_user(connection, nickname, key, password_hash)
            now = user.created_at
            resource = User.of(user.id, nickname, now, now, now)
            run = services.events.record(connection, "user.updated", resource)
    except NicknameTakenError as error:
        raise problem(400, "the nickname is taken") from error
    services.events.publish(run)
    return user


def hash_password(services: Services, asker: Asker, password: str) -> str:
    """Return what to store of a new password. Raises 400, 429, 503."""
    try:
        with _turns_explained():
            return services.passwords.hash(password, asker)
    except InvalidPasswordError as error:
        raise problem(400, str(error)) from error


def asker_of(request: Request, account: str) -> Asker:
    """Return who has a place in the queue of hashes: *account* is a nickname's key."""
    return Asker(account, client_address(request.environ) or "")


@contextmanager
def _turns_explained() -> Iterator[None]:
    try:
        yield
    except TooManyOfOneError as error:
        raise TooManyRequests(
            "too many passwords of yours wait to be checked; try again in a moment",
            retry_after=RETRY_AFTER_SECONDS,
        ) from error
    except TooManyHashesError as error:
        raise ServiceUnavailable(
            "too many people are signing in; try again in a moment",
            retry_after=RETRY_AFTER_SECONDS,
        ) from error

"""Who sends a request: a bearer token or the page's session cookie."""

import time

from sqlalchemy import Connection

from ngw2f.http import Request, Response
from ngw2f.live.payloads import RevokedTokens
from ngw2f.store import tokens, users
from ngw2f.store.events import Run
from ngw2f.store.tokens import SECONDS_A_DAY
from ngw2f.store.users import Credentials, UserRow
from ngw2f.web.errors import unauthorized
from ngw2f.web.services import Services

COOKIE = "session"


def token_of(request: Request) -> str | None:
    """Return the token that the request bears: Authorization goes before the cookie."""
    if "HTTP_AUTHORIZATION" in request.environ:
        authorization = request.authorization
        if authorization is not None and authorization.type == "bearer":
            return authorization.token or ""
    return request.cookies.get(COOKIE) if "HTTP_COOKIE" in request.environ else None


def find_reader(services: Services, request: Request) -> UserRow | None:
    """Return who reads, None for anybody.

    Raises 401 for a bearer token that is not (or no longer) good, and where
    reading needs an account.
    """
    token = token_of(request)
    user = None
    if token:
        with services.core.database.asking() as connection:
            user = tokens.find_token_user(connection, token)
    if user:
        note_presence(services, user)
    elif "HTTP_AUTHORIZATION" in request.environ:
        raise unauthorized("the token is unknown, revoked or expired")
    elif not services.core.settings.anonymous_read:
        raise unauthorized("sign in to read")
    return user


def require_user(services: Services, request: Request) -> UserRow:
    """Return who writes. Raises 401."""
    user = find_reader(services, request)
    if not user:
        raise unauthorized("sign in, or send a token")
    return user


def create_token(
    services: Services, credentials: Credentials, days: float, *, is_session: bool = False
) -> str:
    """Return a token for whom a password was checked; one too many revokes the oldest.

    Raises 429; 401 if the password was changed since.
    """
    user_id, keep = credentials.user_id, services.core.settings.tokens_per_account
    services.limits.take("token", user_id)
    runs = []
    with services.core.database.writing() as connection:
        # Else a token would outlive the change that ends all others, and two would count at once.
        if not users.lock_current(connection, credentials):
            raise unauthorized("the password has just been changed")
        token = tokens.create_token(connection, user_id, days, is_session=is_session)
        if tokens.revoke_oldest_tokens(connection, user_id, keep, are_sessions=is_session):
            runs.append(record_revocation(services, connection, user_id))
    services.core.events.publish(*runs)
    return token


def set_session(
    services: Services,
    request: Request,
    response: Response,
    credentials: Credentials,
    *,
    remember: bool,
) -> None:
    """Sign the user in on this browser, until it is closed or for `remember_days`."""
    settings = services.core.settings
    days = settings.remember_days if remember else settings.session_days
    token = create_token(services, credentials, days, is_session=True)
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(days * SECONDS_A_DAY) if remember else None,
        httponly=True,
        samesite="Lax",
        secure=request.is_secure,
    )


def end_session(services: Services, token: str) -> None:
    """Revoke a token, and have the streams end that were opened with it. Raises 429."""
    with services.core.database.asking() as connection:
        user = tokens.find_token_user(connection, token)
    # A token that is none, or none any more, is no reason to write.
    if user is None:
        return
    services.limits.take("revoke", user.id)
    with services.core.database.writing() as connection:
        tokens.revoke_token(connection, token)
        run = record_revocation(services, connection, user.id)
    services.core.events.publish(run)


def record_revocation(services: Services, connection: Connection, user_id: int) -> Run:
    """Record what makes every process look again at the tokens of a user's streams."""
    return services.core.events.record(connection, "tokens.revoked", RevokedTokens(user_id))


def note_presence(services: Services, user: UserRow) -> None:
    """Remember that the user is here: in Redis at once, in the database once a minute."""
    now = time.time()
    if services.attendance.note(user.id) and user.last_seen_at < now - 60:
        with services.core.database.writing() as connection:
            users.set_last_seen(connection, user.id, now)

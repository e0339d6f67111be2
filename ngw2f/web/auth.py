"""Who sends a request: a bearer token, or the page's session cookie."""

from ngw2f.errors import Unauthenticated
from ngw2f.http import Request, Response
from ngw2f.store.users import Credentials, UserRow
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
    """Return who reads, and note that the user is here; None for an anonymous reader.

    The answer is in the language of the reader's account, if it has chosen one. Raises
    Unauthenticated for a bearer token that is not valid (any more), and where reading needs an
    account.
    """
    reader = services.actions.sessions.find_reader(
        token_of(request), must_be_valid="HTTP_AUTHORIZATION" in request.environ
    )
    if reader:
        request.chosen_language = reader.language
    return reader


def find_listener(services: Services, request: Request) -> UserRow | None:
    """Return who opens a stream: by a one-use ticket in the query, or as every reader.

    Raises Unauthenticated, Unavailable.
    """
    ticket = request.args.get("ticket")
    return (
        find_reader(services, request) if ticket is None else services.actions.tickets.use(ticket)
    )


def require_user(services: Services, request: Request) -> UserRow:
    """Return who writes. Raises Unauthenticated."""
    user = find_reader(services, request)
    if not user:
        raise Unauthenticated("sign in, or send a token")
    return user


def set_session(
    services: Services,
    request: Request,
    response: Response,
    credentials: Credentials,
    *,
    remember: bool,
) -> None:
    """Sign the user in on this browser, until it is closed or for `remember_days`.

    Raises TooMany; Unauthenticated if the password was changed since it was checked.
    """
    session = services.actions.sessions.begin(
        credentials, remember=remember, user_agent=request.headers.get("User-Agent", "")
    )
    response.set_cookie(
        COOKIE,
        session.token,
        max_age=session.max_age_seconds,
        httponly=True,
        samesite="Lax",
        secure=request.is_secure,
    )


def delete_session(request: Request, response: Response) -> None:
    """Have the browser forget the session."""
    response.delete_cookie(COOKIE, httponly=True, samesite="Lax", secure=request.is_secure)

"""The cookies of browsers that somebody has signed in with before (`ngw2f/store/devices.py`).

Sets `ngw2f.known_browser` in the environ: the browser is somebody's, so the chain has not
counted this attempt to sign in.
"""

import re
from itertools import islice
from wsgiref.types import WSGIEnvironment

from middleware.rate_limit import client_address
from ngw2f.actions.sign_in import Client
from ngw2f.http import Request, Response
from ngw2f.store import devices
from ngw2f.store.devices import DEVICE_DAYS
from ngw2f.store.tokens import SECONDS_A_DAY
from ngw2f.web.auth import token_of
from ngw2f.web.errors import DATABASE_ERRORS
from ngw2f.web.services import Services

# Several people may use one browser: it has a cookie for each, named by the user's id.
COOKIE = "device-"
NAME = re.compile(rf"{COOKIE}([1-9][0-9]{{0,9}})")
# The most cookies of a browser that are looked up before its sign-in.
MAX_DEVICES_OF_BROWSER = 8
KNOWN_BROWSER = "ngw2f.known_browser"


def client_of(request: Request) -> Client:
    """Return what the request says of the browser or program that sent it."""
    names = ((NAME.fullmatch(name), value) for name, value in request.cookies.items())
    return Client(
        client_address(request.environ) or "",
        token_of(request),
        {int(match[1]): value for match, value in names if match},
        is_known_browser=KNOWN_BROWSER in request.environ,
    )


def who_signs_in(services: Services, environ: WSGIEnvironment) -> str | None:
    """Return the address that an attempt to sign in counts for, as far as its head says.

    None for a browser that somebody has signed in with before: others behind its address cannot
    shut it out. Whose account it tries is in the body, so that is checked by `SignIn`.
    """
    cookies = Request(environ).cookies
    values = (value for name, value in cookies.items() if name.startswith(COOKIE))
    tokens = list(islice(values, MAX_DEVICES_OF_BROWSER))
    try:
        if tokens:
            with services.core.database.reading() as connection:
                if devices.is_any_device(connection, tokens):
                    environ[KNOWN_BROWSER] = True
                    return None
    except DATABASE_ERRORS:
        pass  # The view, which needs the database next, answers with the error.
    return client_address(environ)


def remember_browser(
    services: Services, request: Request, response: Response, user_id: int
) -> None:
    """Have the browser keep that the user has signed in with it, unless it does already."""
    known = client_of(request).devices.get(user_id)
    token = services.actions.sessions.remember_browser(user_id, known)
    if token is None:
        return
    response.set_cookie(
        f"{COOKIE}{user_id}",
        token,
        max_age=DEVICE_DAYS * SECONDS_A_DAY,
        # Only this path reads it, so it changes the answers to no other request.
        path="/login",
        httponly=True,
        samesite="Lax",
        secure=request.is_secure,
    )

"""The page on which one changes one's own account."""

from werkzeug.exceptions import HTTPException, Unauthorized

from ngw2f.errors import DomainError
from ngw2f.http import Request, Response, problem, see_other
from ngw2f.store.users import UserRow
from ngw2f.text.password import MIN_PASSWORD_CHARACTERS
from ngw2f.web import accounts, auth
from ngw2f.web.caching import personal
from ngw2f.web.errors import copy_retry_after, http_error
from ngw2f.web.services import Services
from ngw2f.web.sign_in import sign_in_form
from ngw2f.web.users import ChangedUser, change_user

PATH = "/account"
# What is wrong with what was typed is said beside the form; all else is an error page.
SAID_ON_PAGE = (400, 403, 429, 503)


def show(services: Services, request: Request) -> Response:
    try:
        user = auth.require_user(services, request)
    except Unauthorized as error:
        return sign_in_form(services, request, str(error.description), 401)
    notice = ""
    if "changed" in request.args:
        notice = "Your password is changed. Everywhere else you are signed out."
    return _page(services, user, notice=notice)


def change_password(services: Services, request: Request) -> Response:
    """Change the password, and keep this session alone."""
    user = auth.require_user(services, request)
    services.limits.take("account", user.id)
    current, new, again = map(
        request.form_field, ("current_password", "new_password", "new_password_again")
    )
    try:
        if new != again:
            raise problem(400, "the two new passwords differ")
        change_user(services, request, user, ChangedUser(None, new, current))
    except (DomainError, HTTPException) as raised:
        error = http_error(raised)
        if error.code not in SAID_ON_PAGE:
            raise
        response = _page(services, user, detail=error.description or "", status=error.code)
        copy_retry_after(error, response)
        return response
    response = see_other(f"{PATH}?changed=1")
    accounts.remember_device(services, request, response, user.id)
    return personal(response)


def _page(
    services: Services, user: UserRow, *, notice: str = "", detail: str = "", status: int = 200
) -> Response:
    values = {
        "reader": user,
        "notice": notice,
        "detail": detail,
        "min_characters": MIN_PASSWORD_CHARACTERS,
    }
    return personal(services.templates.page("account.html", values, status))

"""The page on which people change their password."""

from werkzeug.exceptions import HTTPException

from ngw2f.actions.accounts import Changes
from ngw2f.errors import Forbidden, Invalid, TooMany, Unauthenticated, Unavailable
from ngw2f.http import Request, Response, see_other
from ngw2f.store.users import UserRow
from ngw2f.text.password import MIN_PASSWORD_CHARACTERS
from ngw2f.web import auth
from ngw2f.web.caching import personal
from ngw2f.web.devices import client_of, remember_browser
from ngw2f.web.errors import copy_retry_after, http_error
from ngw2f.web.services import Services
from ngw2f.web.sign_in import sign_in_form

PATH = "/account"
# These are shown beside the form; all other errors are pages of their own.
SHOWN_WITH_FORM = (Forbidden, Invalid, TooMany, Unavailable)


def show(services: Services, request: Request) -> Response:
    try:
        user = auth.require_user(services, request)
    except Unauthenticated as error:
        return sign_in_form(services, request, error.detail, 401)
    notice = ""
    if "changed" in request.args:
        notice = "Your password is changed. Everywhere else you are signed out."
    return _page(services, user, notice=notice)


def change_password(services: Services, request: Request) -> Response:
    """Change the password, and keep only this session."""
    user = auth.require_user(services, request)
    current, new, again = map(
        request.form_field, ("current_password", "new_password", "new_password_again")
    )
    changes = Changes(password=new, current_password=current)
    try:
        if new != again:
            raise Invalid("the two new passwords differ")
        services.actions.accounts.change(user, user.id, client_of(request), changes)
    except SHOWN_WITH_FORM as refused:
        return _refusal(services, user, http_error(refused))
    response = see_other(f"{PATH}?changed=1")
    remember_browser(services, request, response, user.id)
    return personal(response)


def _refusal(services: Services, user: UserRow, error: HTTPException) -> Response:
    response = _page(services, user, detail=error.description or "", status=error.code or 400)
    copy_retry_after(error, response)
    return response


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

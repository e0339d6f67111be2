"""The pages of administrators: who may register, the accounts, and the log."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

from ngw2f.actions.sign_in import find_named
from ngw2f.errors import Conflict, DomainError, Invalid, NotFound, TooMany, Unauthenticated
from ngw2f.http import Request, Response, see_other
from ngw2f.sentences import Sentence
from ngw2f.store import users
from ngw2f.store.registration import Mode
from ngw2f.store.users import UserRow
from ngw2f.web import auth
from ngw2f.web.administration import part_of_log
from ngw2f.web.caching import personal
from ngw2f.web.errors import copy_retry_after, http_error
from ngw2f.web.paging import cursor_of
from ngw2f.web.services import Services
from ngw2f.web.sign_in import sign_in_form

PATH = "/admin"
MODES: dict[str, Mode] = {mode: mode for mode in get_args(Mode)}
SHOWN_ON_PAGE = (Conflict, Invalid, NotFound, TooMany)


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page says about the form that was sent."""

    error: DomainError | None = None
    # The link of an invitation that was just made; it is never shown again.
    link: str = ""

    @property
    def detail(self) -> str | Sentence:
        return self.error.sentence if self.error else ""


def show(services: Services, request: Request) -> Response:
    try:
        user = auth.require_user(services, request)
    except Unauthenticated as error:
        return sign_in_form(services, request, error.sentence, 401)
    return _page(services, request, user, Shown())


def change_registration(services: Services, request: Request) -> Response:
    user = auth.require_user(services, request)
    mode = MODES.get(request.form_field("mode"))

    def do() -> None:
        if mode is None:
            raise Invalid("choose who may register")
        services.actions.administration.set_mode(user, mode)

    return _answer(services, request, user, do)


def invite(services: Services, request: Request) -> Response:
    """Show the link of a new invitation."""
    user = auth.require_user(services, request)
    try:
        made = services.actions.administration.invite(user)
    except SHOWN_ON_PAGE as error:
        return _page(services, request, user, Shown(error))
    response = _page(services, request, user, Shown(link=f"{request.host_url}join/{made.code}"))
    response.headers["Cache-Control"] = "no-store"
    return response


def revoke_invitation(services: Services, request: Request, invitation_id: int) -> Response:
    user = auth.require_user(services, request)
    administration = services.actions.administration
    return _answer(
        services, request, user, lambda: administration.revoke_invitation(user, invitation_id)
    )


def change_account(services: Services, request: Request, user_id: int) -> Response:
    """Suspend an account, make it an administrator's, or end either, by a form."""
    user = auth.require_user(services, request)
    administration = services.actions.administration
    changes: dict[str, Callable[[UserRow, int], None]] = {
        "suspend": administration.suspend,
        "lift": administration.lift_suspension,
        "appoint": administration.appoint,
        "dismiss": administration.dismiss,
    }
    change = changes.get(request.form_field("do"))

    def do() -> None:
        if change is None:
            raise Invalid("choose what to do")
        change(user, user_id)

    return _answer(services, request, user, do)


def show_log(services: Services, request: Request) -> Response:
    try:
        user = auth.require_user(services, request)
    except Unauthenticated as error:
        return sign_in_form(services, request, error.sentence, 401)
    before, limit = part_of_log(request)
    found = services.actions.administration.list_log(user, before=before, limit=limit + 1)
    older = found[limit - 1].id if len(found) > limit else None
    values = {"reader": user, "entries": found[:limit], "older": older, "limit": limit}
    return personal(services.templates.page(request, "audit.html", values))


def _answer(
    services: Services, request: Request, user: UserRow, do: Callable[[], None]
) -> Response:
    try:
        do()
    except SHOWN_ON_PAGE as error:
        if request.preferred("text") != "html":
            raise
        return _page(services, request, user, Shown(error))
    return see_other(PATH)


def _page(services: Services, request: Request, user: UserRow, shown: Shown) -> Response:
    administration = services.actions.administration
    invitations = administration.list_invitations(user)
    cursor, nickname = cursor_of(request), request.text_argument("nickname").strip()
    with services.core.database.reading() as connection:
        found = users.list_users(connection, after=cursor.after, limit=cursor.wanted)
        if nickname:
            known = find_named(connection, nickname)
            row = users.find_user(connection, known.user_id) if known else None
            found = [row] if row else []
    listed = cursor.cut(found)
    values = {
        "reader": user,
        "shown": shown,
        "mode": administration.find_mode(),
        "invitations": invitations,
        "people": listed,
        "nickname": nickname,
        "next": listed[-1].id if len(found) > cursor.limit else None,
    }
    response = personal(services.templates.page(request, "admin.html", values))
    if shown.error:
        refusal = http_error(shown.error)
        response.status_code = refusal.code or 400
        copy_retry_after(refusal, response)
    return response

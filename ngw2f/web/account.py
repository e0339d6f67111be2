"""The settings of an account: a page of forms, of which each does one thing."""

from dataclasses import dataclass

from ngw2f.actions.accounts import Changes, ChosenLanguage, Theme
from ngw2f.actions.sessions import MAX_TOKEN_NAME_CHARACTERS
from ngw2f.errors import DomainError, Forbidden, Invalid, TooMany, Unauthenticated, Unavailable
from ngw2f.http import Request, Response, see_other
from ngw2f.sentences import Sentence, sentence_of, translatable
from ngw2f.store.users import UserRow
from ngw2f.text.languages import LANGUAGES, NAMES
from ngw2f.text.names import MAX_NICKNAME_CHARACTERS
from ngw2f.text.password import InvalidPasswordError
from ngw2f.text.password_choice import MIN_CHOSEN_CHARACTERS, check_choice
from ngw2f.web import auth
from ngw2f.web.caching import personal
from ngw2f.web.devices import client_of, remember_browser
from ngw2f.web.errors import copy_retry_after, http_error
from ngw2f.web.services import Services
from ngw2f.web.sign_in import sign_in_form

PATH = "/account"
# These are shown on the page; all other errors are pages of their own.
SHOWN_ON_PAGE = (Forbidden, Invalid, TooMany, Unavailable)
# What the page says after a form was sent, by what is in its address then.
NOTICES = {
    "password": translatable("Your password is changed. Everywhere else you are signed out."),
    "nickname": translatable("Your nickname is changed."),
    "theme": translatable("The look is changed."),
    "language": translatable("The language is changed."),
    "revoked": translatable("It is revoked."),
    "sessions": translatable("Everywhere else you are signed out."),
}
THEMES: dict[str, Theme] = {"system": "system", "light": "light", "dark": "dark"}
CHOICES: dict[str, ChosenLanguage] = {"system": "system", **{code: code for code in LANGUAGES}}


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page says beside its forms, about the one that was sent."""

    notice: str = ""
    error: DomainError | None = None
    # An API token that was just made; it is never shown again.
    token: str = ""

    @property
    def detail(self) -> str | Sentence:
        return self.error.sentence if self.error else ""


def show(services: Services, request: Request) -> Response:
    try:
        user = auth.require_user(services, request)
    except Unauthenticated as error:
        return sign_in_form(services, request, error.sentence, 401)
    return _page(services, request, user, Shown(NOTICES.get(request.args.get("done", ""), "")))


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
        _check_choice(new, user)
        services.actions.accounts.change(user, user.id, client_of(request), changes)
    except SHOWN_ON_PAGE as refused:
        return _refusal(services, request, user, refused)
    response = _done("password")
    remember_browser(services, request, response, user.id)
    return personal(response)


def change_nickname(services: Services, request: Request) -> Response:
    return _change(services, request, Changes(nickname=request.form_field("nickname").strip()))


def change_theme(services: Services, request: Request) -> Response:
    theme = THEMES.get(request.form_field("theme"))
    if theme is None:
        raise Invalid(Sentence("theme must be one of %(themes)s", themes=", ".join(THEMES)))
    return _change(services, request, Changes(theme=theme))


def change_language(services: Services, request: Request) -> Response:
    language = CHOICES.get(request.form_field("language"))
    if language is None:
        raise Invalid(Sentence("language must be one of %(codes)s", codes=", ".join(CHOICES)))
    return _change(services, request, Changes(language=language))


def create_token(services: Services, request: Request) -> Response:
    """Make an API token, which the answer shows once; the password is asked for again."""
    user = auth.require_user(services, request)
    sign_in, sessions = services.actions.sign_in, services.actions.sessions
    name, password = request.form_field("name"), request.form_field("password")
    try:
        known = sign_in.confirm_password(client_of(request), user, password)
        if known is None:
            raise Forbidden("the password is wrong")
        user_agent = request.headers.get("User-Agent", "")
        token = sessions.create_token(known, name=name, user_agent=user_agent)
    except SHOWN_ON_PAGE as refused:
        return _refusal(services, request, user, refused)
    response = _page(services, request, user, Shown(token=token))
    response.headers["Cache-Control"] = "no-store"
    return response


def revoke(services: Services, request: Request, token_id: int) -> Response:
    user = auth.require_user(services, request)
    services.actions.sessions.revoke(user, token_id)
    return _done("revoked")


def end_other_sessions(services: Services, request: Request) -> Response:
    user = auth.require_user(services, request)
    services.actions.sessions.end_others(user)
    return _done("sessions")


def ask_to_delete(services: Services, request: Request) -> Response:
    """Say what deletion means, with a form that asks for the password."""
    try:
        user = auth.require_user(services, request)
    except Unauthenticated as error:
        return sign_in_form(services, request, error.sentence, 401)
    return _deletion_page(services, request, user, Shown())


def delete(services: Services, request: Request) -> Response:
    user = auth.require_user(services, request)
    password = request.form_field("password")
    try:
        known = services.actions.sign_in.confirm_password(client_of(request), user, password)
        if known is None:
            raise Forbidden("the password is wrong")
        services.actions.accounts.delete(known)
    except SHOWN_ON_PAGE as refused:
        error = http_error(refused)
        response = _deletion_page(services, request, user, Shown(error=refused), error.code or 400)
        copy_retry_after(error, response)
        return response
    response = see_other("/")
    auth.delete_session(request, response)
    return personal(response)


def _deletion_page(
    services: Services, request: Request, user: UserRow, shown: Shown, status: int = 200
) -> Response:
    values = {"reader": user, "shown": shown}
    return personal(services.templates.page(request, "delete_account.html", values, status))


def _change(services: Services, request: Request, changes: Changes) -> Response:
    user = auth.require_user(services, request)
    try:
        services.actions.accounts.change(user, user.id, client_of(request), changes)
    except SHOWN_ON_PAGE as refused:
        return _refusal(services, request, user, refused)
    return _done("theme" if changes.theme else "language" if changes.language else "nickname")


def _check_choice(password: str, user: UserRow) -> None:
    try:
        check_choice(password, user.nickname)
    except InvalidPasswordError as error:
        raise Invalid(sentence_of(error)) from error


def _done(what: str) -> Response:
    return see_other(f"{PATH}?done={what}")


def _refusal(services: Services, request: Request, user: UserRow, refused: DomainError) -> Response:
    error = http_error(refused)
    response = _page(services, request, user, Shown(error=refused), error.code or 400)
    copy_retry_after(error, response)
    return response


def _page(
    services: Services, request: Request, user: UserRow, shown: Shown, status: int = 200
) -> Response:
    values = {
        "reader": user,
        "shown": shown,
        "tokens": services.actions.sessions.list_all(user),
        "themes": tuple(THEMES),
        "languages": NAMES,
        "min_characters": MIN_CHOSEN_CHARACTERS,
        "max_nickname": MAX_NICKNAME_CHARACTERS,
        "max_token_name": MAX_TOKEN_NAME_CHARACTERS,
    }
    return personal(services.templates.page(request, "account.html", values, status))

"""Pages on which people sign in, register and sign out."""

from urllib.parse import quote

from ngw2f.errors import Forbidden, Invalid
from ngw2f.http import Request, Response, see_other
from ngw2f.sentences import Sentence, sentence_of, translatable
from ngw2f.store.tokens import SECONDS_A_DAY
from ngw2f.text.names import InvalidNameError, check_nickname, name_key
from ngw2f.text.password import InvalidPasswordError
from ngw2f.text.password_choice import MIN_CHOSEN_CHARACTERS, check_choice
from ngw2f.web import auth
from ngw2f.web.caching import personal
from ngw2f.web.devices import client_of, remember_browser
from ngw2f.web.errors import unauthorized
from ngw2f.web.services import Services
from ngw2f.web.templates import PAGE_FORMS

# A browser that keeps cookies sends this one with the form.
COOKIES_KEPT = "cookies-kept"
# A page with the form may stay open for long.
DAYS_OF_A_FORM = 365


def sign_in_page(services: Services, request: Request) -> Response:
    return sign_in_form(services, request)


def sign_in(services: Services, request: Request) -> Response:
    """Sign in a known nickname, or register a new one."""
    nickname, password = request.form_field("nickname").strip(), request.form_field("password")
    if request.form_field("cookies") == "asked" and COOKIES_KEPT not in request.cookies:
        detail: str | Sentence = translatable(
            "this browser keeps no cookies: allow them for this site, or sign in once more"
        )
        response = sign_in_form(services, request, detail, 400)
        ask_for_cookies(request, response)
        return response
    if not nickname or not password:
        return sign_in_form(services, request, translatable("type a nickname and a password"), 400)
    try:
        if _must_ask(services, request, nickname, password):
            return sign_in_form(services, request, new=nickname)
        accounts, code = services.actions.accounts, request.form.get("invitation", "")
        credentials = accounts.sign_in_or_register(client_of(request), nickname, password, code)
        if credentials is None:
            return sign_in_form(services, request, translatable("wrong nickname or password"), 401)
        response = see_other(_local_path(request.form_field("next", "/")))
        remember = bool(request.form_field("remember"))
        remember_browser(services, request, response, credentials.user_id)
        auth.set_session(services, request, response, credentials, remember=remember)
    except Forbidden as error:
        # Registration is closed, or the account suspended.
        return sign_in_form(services, request, error.sentence, 403)
    except (Invalid, InvalidNameError, InvalidPasswordError) as error:
        # Somebody else may have registered it meanwhile.
        is_taken = services.actions.sign_in.is_registered(nickname)
        new = "" if is_taken else request.form.get("new", "")
        return sign_in_form(services, request, sentence_of(error), 400, new=new)
    return personal(response)


def _must_ask(services: Services, request: Request, nickname: str, password: str) -> bool:
    """Return whether to ask if the nickname is really to be registered: it may be a typo.

    The form names the nickname that was asked about; what a program sends has no such field, and
    asks for nothing. Raises InvalidNameError, InvalidPasswordError, Forbidden.
    """
    asked = request.form.get("new")
    if asked is None or services.actions.sign_in.is_registered(nickname):
        return False
    services.actions.accounts.check_may_register(request.form.get("invitation", ""))
    check_nickname(nickname)
    # Who opens an invitation has come to register.
    if name_key(asked) != name_key(nickname) and not request.form.get("invitation"):
        return True
    check_choice(password, nickname)
    return False


def join(services: Services, request: Request, code: str) -> Response:
    """Answer with the form to register by an invitation, or say what to do without a good one."""
    if services.actions.administration.is_invitation(code):
        return sign_in_form(services, request, invitation=code)
    values = {"title": translatable("This invitation is no longer valid"), "reader": None}
    return personal(services.templates.page(request, "no_invitation.html", values, 404))


def sign_out_page(services: Services, request: Request) -> Response:
    reader = auth.find_reader(services, request)
    return personal(services.templates.page(request, "sign_out.html", {"reader": reader}))


def sign_out(services: Services, request: Request) -> Response:
    token = request.cookies.get(auth.COOKIE)
    if token:
        services.actions.sessions.end(token)
    response = see_other("/")
    auth.delete_session(request, response)
    return personal(response)


def sign_in_form(
    services: Services,
    request: Request,
    detail: str | Sentence = "",
    status: int = 200,
    *,
    new: str = "",
    invitation: str = "",
) -> Response:
    """Answer with the form.

    *new* is a nickname that nobody has, to be registered or corrected; *invitation* a code by which
    somebody comes to register.
    """
    is_page = request.preferred("text", PAGE_FORMS) == "html" or request.method == "POST"
    if not is_page:
        raise unauthorized(str(detail) or "sign in at /login, or send a token")
    # A page that needs an account comes after it.
    is_refused = request.path != "/login" and not invitation
    # A GET may have a body too, which nothing has checked.
    form = request.form if request.method == "POST" else {}
    values = {
        "detail": detail,
        "nickname": form.get("nickname", ""),
        "new": new,
        "invitation": form.get("invitation", invitation),
        "registration": services.actions.administration.find_mode(),
        "remember": "remember" in form,
        "min_characters": MIN_CHOSEN_CHARACTERS,
        "next": form.get("next", quote(request.path) if is_refused else "/"),
        "reader": None,
    }
    response = personal(services.templates.page(request, "sign_in.html", values, status))
    if request.method != "POST":
        ask_for_cookies(request, response)
    return response


def ask_for_cookies(request: Request, response: Response) -> None:
    """Set a cookie that comes back with the form, if the browser keeps cookies.

    A browser that keeps none would be signed in, and asked to sign in again by the next page.
    """
    response.set_cookie(
        COOKIES_KEPT,
        "yes",
        max_age=DAYS_OF_A_FORM * SECONDS_A_DAY,
        path="/login",
        httponly=True,
        samesite="Lax",
        secure=request.is_secure,
    )


def _local_path(path: str) -> str:
    """Return *path* if it is a path of this chat, else the front page's."""
    is_local = path.startswith("/") and not path.startswith(("//", "/\\"))
    is_in_url_form = path.isprintable() and path.isascii() and " " not in path
    return path if is_local and is_in_url_form else "/"

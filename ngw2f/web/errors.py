"""Error responses in a form that the client accepts: problem+json (RFC 9457), a page, or text."""

import logging
import traceback
from http import HTTPStatus
from wsgiref.types import WSGIEnvironment

import msgspec
from msgspec import UNSET, UnsetType, field
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import (
    HTTPException,
    InternalServerError,
    ServiceUnavailable,
    TooManyRequests,
    Unauthorized,
)
from werkzeug.exceptions import NotFound as NothingThere
from werkzeug.http import HTTP_STATUS_CODES

from middleware.answer import Answer
from middleware.rate_limit import PROBLEM_TYPES
from ngw2f.errors import (
    Conflict,
    DomainError,
    Forbidden,
    Gone,
    Invalid,
    KeyReused,
    NotFound,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from ngw2f.http import Form, Request, Response, add_vary, problem
from ngw2f.sentences import Sentence, translatable
from ngw2f.store.database import CommitLostError, DatabaseBusyError
from ngw2f.text.languages import LANGUAGES
from ngw2f.web import auth
from ngw2f.web.services import Services

# Programs use these paths; people use all others.
API_PREFIXES = ("/api/", "/tasks/", "/stats", "/healthz", "/readyz", "/metrics")
RETRY_AFTER_SECONDS = 2
# The middleware uses the same type (draft-ietf-httpapi-ratelimit-headers-10 section 5).
QUOTA_EXCEEDED = f"{PROBLEM_TYPES}quota-exceeded"
# The message of an exception may contain what a client sent.
MAX_SHOWN = 200

# Raised if the database is locked, full or unreachable, or has no connection left.
DATABASE_ERRORS = (OperationalError, PoolTimeoutError, DatabaseBusyError)

UNCONFIRMED = translatable(
    "the database did not confirm the change, so this may have been done; send it again with the "
    "same Idempotency-Key, or look first whether it is there"
)

# What people are told, who send no tokens.
SIGNED_OUT = translatable(
    "you are signed out: sign in, then go back to the page before this one, and send it again"
)

# The status of each error of the domain (RFC 9110 section 15, RFC 6585 section 4).
STATUSES: dict[type[DomainError], int] = {
    Invalid: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Gone: 410,
    TooLarge: 413,
    KeyReused: 422,
    TooMany: 429,
    Unavailable: 503,
}
# Quoted, as RFC 9110 section 11.5 has it: Werkzeug does so only for what is not a token.
REALM = "NGW2F chat"

log = logging.getLogger(__name__)


class Problem(msgspec.Struct):
    title: str
    status: int
    detail: str
    type: str = "about:blank"
    violated_policies: list[str] | UnsetType = field(default=UNSET, name="violated-policies")


class QuotaExceeded(TooManyRequests):
    """429, with the name of the limit where clients know it by one."""

    def __init__(self, error: TooMany) -> None:
        super().__init__(error.detail, retry_after=error.retry_after)
        self.policy = error.policy


def http_error(error: DomainError) -> HTTPException:
    """Return an error of the domain as HTTP's, with its status, Retry-After and challenge."""
    match error:
        case Unauthenticated():
            return unauthorized(error.detail)
        case TooMany():
            return QuotaExceeded(error)
        case Unavailable():
            return ServiceUnavailable(error.detail, retry_after=error.retry_after)
    return problem(STATUSES[type(error)], error.detail)


def unauthorized(detail: str) -> Unauthorized:
    """Return a 401 that asks for a bearer token (RFC 6750 section 3)."""
    return Unauthorized(detail, www_authenticate=WWWAuthenticate("bearer", {"realm": REALM}))


def database_problem(error: SQLAlchemyError | DatabaseBusyError) -> HTTPException:
    """Return the 503 for one of DATABASE_ERRORS that was raised before or by a commit."""
    log.error("database error: %s", str(error).splitlines()[0])
    if isinstance(error, CommitLostError):
        # No Retry-After: a client without a key could do it twice.
        return problem(503, UNCONFIRMED)
    return ServiceUnavailable(
        translatable("the database cannot be used right now; nothing was changed"),
        retry_after=RETRY_AFTER_SECONDS,
    )


def one_line(error: Exception) -> str:
    """Return an exception's message and where it was raised, for a log without tracebacks."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {str(error)[:MAX_SHOWN]!r}{place}"


def error_page(services: Services, environ: WSGIEnvironment) -> Answer:
    """Return the answer to an unexpected exception."""
    request = Request(environ)
    error = InternalServerError(
        translatable("something went wrong on our side, and has been logged")
    )
    response = error_response(services, request, error)
    headers = [
        line for line in response.headers if line[0] not in ("Content-Type", "Content-Length")
    ]
    return Answer(
        response.status,
        response.get_data(as_text=True),
        headers,
        content_type=response.headers["Content-Type"],
    )


def error_response(
    services: Services,
    request: Request,
    error: HTTPException,
    sentence: str | Sentence | None = None,
) -> Response:
    """Return the response for *error*, in the form that the client prefers.

    *sentence* says why, if the error's description is not all that can be translated.
    """
    status = error.code or 500
    title = HTTP_STATUS_CODES.get(status, "Error")
    detail = sentence or error.description or title
    if detail == NothingThere.description:
        detail = Sentence("there is nothing at %(path)s", path=request.path)
    form = request.preferred(_default_form(request))
    if form == "html" and status == HTTPStatus.UNAUTHORIZED:
        detail = SIGNED_OUT
    if form == "json":
        response = _problem_response(services, request, error, title, detail)
    else:
        name = "error.html" if form == "html" else "error.txt"
        values = {"title": title, "detail": detail, "status": status}
        response = services.templates.page(request, name, values, status)
    for name, value in error.get_headers():
        if name.lower() != "content-type":
            response.headers[name] = value
    add_vary(response, ["Accept"])
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _problem_response(
    services: Services, request: Request, error: HTTPException, title: str, detail: str | Sentence
) -> Response:
    """Return a problem; in the reader's language to the script of a page, which shows it."""
    status = error.code or 500
    is_from_page = auth.COOKIE in request.cookies and "HTTP_AUTHORIZATION" not in request.environ
    language = request.language if is_from_page else LANGUAGES[0]
    found = Problem(title, status, services.templates.translate(language, detail))
    if isinstance(error, QuotaExceeded) and error.policy:
        found.type, found.violated_policies = QUOTA_EXCEEDED, [error.policy]
    response = Response(msgspec.json.encode(found), status, mimetype="application/problem+json")
    if is_from_page:
        response.headers["Content-Language"] = language
        add_vary(response, ["Cookie", "Accept-Language"])
    return response


def copy_retry_after(error: HTTPException, response: Response) -> None:
    """Copy Retry-After from an error to the page that shows it."""
    for name, value in error.get_headers():
        if name == "Retry-After":
            response.headers[name] = value


def _default_form(request: Request) -> Form:
    return "json" if request.path.startswith(API_PREFIXES) else "text"

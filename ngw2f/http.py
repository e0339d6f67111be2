"""Request and Response on top of Werkzeug's, content negotiation, and errors as values.

Errors are Werkzeug's HTTPException; `problem` creates one with a sentence that says what
was wrong. `ngw2f/web/errors.py` chooses its form (problem+json, page, text) by
`Request.preferred`.
"""

import hashlib
import math
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Literal, TypeVar, get_args
from urllib.parse import unquote_to_bytes, urlencode
from wsgiref.types import StartResponse, WSGIEnvironment

import msgspec
from werkzeug.datastructures import Authorization, MultiDict
from werkzeug.exceptions import (
    BadRequest,
    ClientDisconnected,
    HTTPException,
    RequestEntityTooLarge,
    UnsupportedMediaType,
    default_exceptions,
)
from werkzeug.http import parse_list_header
from werkzeug.utils import cached_property
from werkzeug.wrappers import Request as WerkzeugRequest
from werkzeug.wrappers import Response as WerkzeugResponse

from middleware.negotiation import Accept, best_language
from ngw2f.api_resources import MAX_ID
from ngw2f.errors import Invalid
from ngw2f.json_input import decode
from ngw2f.sentences import Sentence
from ngw2f.text.languages import LANGUAGES

T = TypeVar("T")
Form = Literal["html", "json", "text"]

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"
# What curl and fetch send with JSON if no type is set.
JSON_LIKE_TYPES = {JSON_TYPE, "", "text/plain", FORM_TYPE}
FORMS: dict[str, Form] = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    JSON_TYPE: "json",
    "application/problem+json": "json",
    "text/plain": "text",
}
# Fields with a URI, and paths in which nothing needs an escape.
LOCATIONS = frozenset({"Location", "Content-Location"})
PLAIN_PATH = re.compile(r"[A-Za-z0-9/_.-]+")
NO_CONTENT = frozenset({204, 304})
# The usual name of each form, in the order in which they are offered.
MEDIA_TYPES = ("text/plain", "text/html", JSON_TYPE)
# Python itself refuses to parse numbers of more than a few thousand digits.
MAX_DIGITS = 20


class Request(WerkzeugRequest):
    """A request; its parts are checked when they are read, and raise a 4xx with a reason."""

    # More fields than any form of the page has.
    max_form_parts = 50
    _has_read_form = False
    # The language that the reader's account has chosen; "": none, or nobody has asked for it yet.
    chosen_language = ""

    @cached_property
    def args(self) -> MultiDict[str, str]:
        """Return the query's arguments. Raises 400 for invalid UTF-8."""
        try:
            return super().args
        except UnicodeDecodeError as error:
            raise problem(400, "the query is not valid UTF-8") from error

    @cached_property
    def authorization(self) -> Authorization | None:
        """Return the Authorization field, None if it is missing or malformed."""
        try:
            return super().authorization
        except ValueError:
            # Werkzeug handles invalid base64, but not characters beyond ASCII.
            return None

    @cached_property
    def accepts(self) -> Accept:
        """Return what the client accepts (RFC 9110 section 12.5.1)."""
        return Accept(self.environ.get("HTTP_ACCEPT"))

    def preferred(self, default: Form, forms: Collection[Form] = tuple(get_args(Form))) -> Form:
        """Return the one of *forms* that Accept prefers, *default* if it names none."""
        names = [name for name, form in FORMS.items() if form in forms]
        # Offer other names only if Accept contains them.
        others = [name for name in names if name not in MEDIA_TYPES and self.accepts.names(name)]
        offers = [name for name in MEDIA_TYPES if name in names]
        offers.sort(key=lambda media_type: FORMS[media_type] != default)
        best = self.accepts.best([*offers, *others])
        return FORMS[best] if best else default

    @property
    def language(self) -> str:
        """Return the language of the answer, if it is a page (RFC 9110 section 12.5.4)."""
        field = self.environ.get("HTTP_ACCEPT_LANGUAGE")
        return self.chosen_language or best_language(field, LANGUAGES) or LANGUAGES[0]

    def body(self) -> bytes:
        """Return the whole body. Raises 413 before reading it, 400 if it ends too early."""
        if self.content_length is None:
            return self._body_in_chunks()
        return self._checked(self.get_data(), self.content_length)

    def _body_once(self) -> bytes:
        """Return the whole body without keeping it, which costs less; nobody may read it again."""
        length = self.content_length
        if length is None or length > (self.max_content_length or 0):
            return self.body()
        return self._checked(self._read(length), length)

    def _read(self, size: int) -> bytes:
        """Read from the input; a client that is gone is a 400, as for Werkzeug's own stream."""
        try:
            content: bytes = self.environ["wsgi.input"].read(size)
        except (OSError, ValueError) as error:
            raise ClientDisconnected from error
        return content

    @staticmethod
    def _checked(content: bytes, length: int) -> bytes:
        if len(content) < length:
            raise problem(400, "the body is shorter than Content-Length says")
        return content

    def _body_in_chunks(self) -> bytes:
        content = self.get_data()
        # Werkzeug truncates it at the limit silently.
        if len(content) == self.max_content_length and self._read(1):
            raise RequestEntityTooLarge
        return content

    def pieces(self, size: int) -> Iterator[bytes]:
        """Yield the body in pieces of at most *size* bytes, whatever its length.

        The server bounds the time that it takes. Raises 400 if it ends too early.
        """
        length = self.content_length
        if length is None and not self.environ.get("wsgi.input_terminated"):
            return
        left = math.inf if length is None else length
        while left and (piece := self._read(int(min(size, left)))):
            left -= len(piece)
            yield piece
        if length is not None and left:
            raise problem(400, "the body is shorter than Content-Length says")

    def json_body(self, shape: type[T]) -> T:
        """Decode the JSON body as *shape*, a msgspec.Struct. Raises 400, 415."""
        self._check_is_json()
        return _decoded(self._body_once(), shape)

    def optional_json_body(self, shape: type[T]) -> T:
        """Decode the JSON body as *shape*, whose members have defaults for a request without one.

        Raises 400, 415.
        """
        content = self.body()
        if not content:
            return shape()
        self._check_is_json()
        return _decoded(content, shape)

    def _check_is_json(self) -> None:
        if self.mimetype not in JSON_LIKE_TYPES and not self.mimetype.endswith("+json"):
            raise UnsupportedMediaType(f"send JSON as {JSON_TYPE}, not {self.mimetype}")

    def form_field(self, name: str, default: str = "") -> str:
        """Return a field of a form on the page. Raises 400 for invalid UTF-8."""
        if self._has_read_form:
            return self.form.get(name, default)
        body = self.body()
        try:
            # Werkzeug would keep "%FF" as text, and drop a form with a bare 0xFF.
            (unquote_to_bytes(body) if self.mimetype == FORM_TYPE else body).decode()
        except UnicodeDecodeError as error:
            raise problem(400, "the form is not valid UTF-8") from error
        return self.form.get(name, default)

    def use_form(self, form: MultiDict[str, str]) -> None:
        """Use this as the form, because the body has been read already."""
        self.__dict__["form"] = form
        self._has_read_form = True

    def id_field(self, name: str) -> int | None:
        """Return a row's id in a form, None for an empty field. Raises 400."""
        text = self.form_field(name)
        # isdecimal() alone would accept digits of other scripts.
        if not text:
            return None
        is_number = text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS
        if not (is_number and 0 < int(text) <= MAX_ID):
            raise Invalid(Sentence("%(name)s must be an id", name=name))
        return int(text)

    def _argument(self, name: str) -> str | None:
        """Return an argument, None if it is missing. Raises 400 if it is repeated."""
        texts = self.args.getlist(name)
        if len(texts) > 1:
            raise Invalid(Sentence("%(name)s is given more than once", name=name))
        return texts[0] if texts else None

    def text_argument(self, name: str) -> str:
        """Return a text of the query, "" if it is missing. Raises 400."""
        return self._argument(name) or ""

    def integer_argument(self, name: str, low: int, high: int = MAX_ID) -> int | None:
        """Return an integer of the query, None if it is missing. Raises 400."""
        text = self._argument(name)
        if text is None:
            return None
        # isdecimal() alone would accept digits of other scripts.
        is_number = text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS
        if not (is_number and low <= int(text) <= high):
            given = {"name": name, "low": low, "high": high}
            raise Invalid(
                Sentence("%(name)s must be a whole number from %(low)s to %(high)s", **given)
            )
        return int(text)

    def time_argument(self, name: str) -> float | None:
        """Return a time of the query in Unix seconds, None if it is missing. Raises 400."""
        text = self._argument(name)
        if text is None:
            return None
        try:
            seconds = msgspec.convert(text, float, strict=False)
        except msgspec.ValidationError:
            seconds = math.nan
        if not math.isfinite(seconds):
            raise Invalid(Sentence("%(name)s must be a time in Unix seconds", name=name))
        return seconds

    @property
    def preferences(self) -> dict[str, str]:
        """Return the preferences of Prefer (RFC 7240 section 2): lower-case names, values or "".

        The first of repeated ones counts. Parameters are ignored: none has a meaning here, and
        an unknown parameter does not change its preference.
        """
        found: dict[str, str] = {}
        if "HTTP_PREFER" not in self.environ:
            return found
        for preference in parse_list_header(self.headers.get("Prefer", "")):
            name, _, value = preference.partition(";")[0].partition("=")
            found.setdefault(name.strip().lower(), value.strip(' \t"'))
        return found


class Response(WerkzeugResponse):
    """A response; Location may stay relative (RFC 9110 section 10.2.2)."""

    autocorrect_location_header = False

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer; content that is whole goes out as a list, which no layer above has to wrap."""
        content = self.response
        if type(content) is not list or environ["REQUEST_METHOD"] == "HEAD" or not self._is_ready():
            return super().__call__(environ, start_response)
        start_response(self.status, list(self.headers))
        return content

    def _is_ready(self) -> bool:
        """Return whether Werkzeug would change nothing, nor have anything to close."""
        has_length = False
        for name, value in self.headers:
            if name == "Content-Length":
                has_length = True
            elif name in LOCATIONS and not PLAIN_PATH.fullmatch(value):
                return False
        return has_length and self.status_code not in NO_CONTENT and not self._on_close


def problem(status: int, detail: str) -> HTTPException:
    """Return an exception to raise, with a status and a sentence on this occurrence."""
    return default_exceptions.get(status, BadRequest)(detail)


def _decoded(content: bytes, shape: type[T]) -> T:
    try:
        return decode(content, shape)
    except msgspec.ValidationError as error:
        raise problem(400, str(error).replace("`", "'")) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise problem(400, f"the body is not JSON: {error}") from error


def json_response(resource: object, status: int = 200) -> Response:
    """Return *resource*, which msgspec must be able to encode, as JSON."""
    return Response(msgspec.json.encode(resource), status, content_type=JSON_TYPE)


def tagged(request: Request, response: Response) -> Response:
    """Return *response* with an ETag of its bytes, or a 304 (RFC 9110 section 13.1.2)."""
    response.headers["ETag"] = etag_of(response.get_data())
    return known(request, response)


def etag_of(content: bytes) -> str:
    """Return the strong ETag of these bytes."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def known(request: Request, response: Response) -> Response:
    """Return *response*, which has an ETag, or a 304 if the client has it."""
    if "HTTP_IF_NONE_MATCH" in request.environ:
        response.make_conditional(request)
        # Werkzeug adds a Date, and so does the server.
        response.headers.pop("Date", None)
    return response


def no_content() -> Response:
    response = Response(status=204)
    # Werkzeug sets a type, but there is no content.
    del response.headers["Content-Type"]
    return response


def see_other(location: str) -> Response:
    """Return the redirect that follows a form (RFC 9110 section 15.4.4)."""
    response = Response(f"See {location}\n", 303, mimetype="text/plain")
    response.headers["Location"] = location
    return response


def add_vary(response: Response, names: Iterable[str]) -> None:
    """Name the request fields by which this response was chosen."""
    response.vary.update(names)


def link_header(path: str, arguments: dict[str, Any], rel: str) -> str:
    """Return a Link field's value (RFC 8288 section 3)."""
    query = urlencode({name: value for name, value in arguments.items() if value is not None})
    return f'<{path}?{query}>; rel="{rel}"'

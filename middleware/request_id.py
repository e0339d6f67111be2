"""Give each request an id that every log can name.

Environ keys written: `middleware.request_id`, `HTTP_X_REQUEST_ID`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from middleware._fields import names_in, without
from middleware._wsgi import Headers, changing_headers

KEY = "middleware.request_id"
# The id goes into every log line: it may neither end the line nor fill it.
WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,128}")
RANDOM_BYTES = 16


class RequestIDMiddleware:
    """Give each request an id, for the layers below and for the client.

    Request: `X-Request-ID` is kept if it is trusted and well-formed; otherwise it is replaced by
    32 random hexadecimal digits, so that no layer below reads what a client wrote.
    Response: `X-Request-ID` has the id; one that the application sent is replaced.

    `trusted`: whether the proxy in front sets or overwrites `X-Request-ID`. False by default:
        without such a proxy, the header is the client's.

    Reads `HTTP_X_REQUEST_ID`; writes that and `middleware.request_id`.

    Place: outermost except for the trusted proxy, so that every log below has the id.

    Rules: a malformed header in the request is ignored, because it is optional; up to 128 letters,
    digits, `.`, `_` and `-` cannot forge a log line or a header.

    It does not propagate `traceparent`, and does not pass the id on to other services.
    """

    def __init__(self, app: WSGIApplication, *, trusted: bool = False) -> None:
        self.app = app
        self.trusted = trusted

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request_id = (self.trusted and trusted_id(environ)) or os.urandom(RANDOM_BYTES).hex()
        environ[KEY] = environ["HTTP_X_REQUEST_ID"] = request_id
        header = ("X-Request-ID", request_id)

        def with_id(status: str, headers: Headers) -> Headers:
            if "x-request-id" in names_in(headers):
                headers = without(headers, ("x-request-id",))
            return [*headers, header]

        return self.app(environ, changing_headers(start_response, with_id))


def trusted_id(environ: WSGIEnvironment) -> str | None:
    """Return the request's own id, if it is well-formed."""
    request_id: str = environ.get("HTTP_X_REQUEST_ID", "")
    return request_id if WELL_FORMED.fullmatch(request_id) else None

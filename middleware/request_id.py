"""Give each request a name by which it can be followed through every log.

Environ keys written: `middleware.request_id`, `HTTP_X_REQUEST_ID`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from middleware._fields import without
from middleware._wsgi import Headers, changing_headers

KEY = "middleware.request_id"
# What goes into every log line may not end it, nor fill it.
WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,128}")
RANDOM_BYTES = 16


class RequestIDMiddleware:
    """Name each request, for those below and for the client.

    Request: `X-Request-ID` is kept if it is trusted and well-formed; otherwise it is replaced by
    32 random hexadecimal digits, so that nobody below reads what a stranger wrote.
    Response: `X-Request-ID` says the name; one that the application sent is replaced.

    `trusted`: whether what stands in front sets `X-Request-ID` or overwrites it. False, because
        without a proxy the header is the client's.

    Reads `HTTP_X_REQUEST_ID`; writes that and `middleware.request_id`.

    Place: outermost but for the trusted proxy, so that every log below has the name.

    Rules: a header in the request that is not well-formed is ignored, as an optional one should
    be; letters, digits, `.`, `_` and `-`, at most 128, cannot forge a log line or a header.

    It does not propagate `traceparent`, and does not pass the name on to other services.
    """

    def __init__(self, app: WSGIApplication, *, trusted: bool = False) -> None:
        self.app = app
        self.trusted = trusted

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request_id = self.trusted_id(environ) or os.urandom(RANDOM_BYTES).hex()
        environ[KEY] = environ["HTTP_X_REQUEST_ID"] = request_id
        header = ("X-Request-ID", request_id)

        def with_id(status: str, headers: Headers) -> Headers:
            headers = without(headers, ("x-request-id",))
            headers.append(header)
            return headers

        return self.app(environ, changing_headers(start_response, with_id))

    def trusted_id(self, environ: WSGIEnvironment) -> str | None:
        """Give the name that came with the request, if it may be used."""
        if not self.trusted:
            return None
        request_id: str = environ.get("HTTP_X_REQUEST_ID", "")
        return request_id if WELL_FORMED.fullmatch(request_id) else None

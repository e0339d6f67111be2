"""Answers to malformed requests, and what is logged about them.

gunicorn's own messages quote the header line, the request line or bytes of the body, all of
which may hold secrets. These name only the mistake.
"""

from http import HTTPStatus

import msgspec
from gunicorn import util
from gunicorn.http import errors

# Fields that an error may name. Any other name may be a secret sent in the wrong place.
KNOWN_FIELDS = frozenset({"HOST", "CONTENT-LENGTH", "CONTENT-TYPE", "TRANSFER-ENCODING"})

REFUSALS: dict[type[Exception], tuple[int, str]] = {
    errors.InvalidRequestLine: (400, "the request line is malformed"),
    errors.InvalidRequestMethod: (400, "the method is malformed"),
    errors.InvalidHTTPVersion: (400, "the version of HTTP is malformed"),
    errors.InvalidHeader: (400, "a header field is malformed"),
    errors.InvalidHeaderName: (400, "the name of a header field is malformed"),
    errors.ObsoleteFolding: (400, "a header field goes over several lines"),
    errors.LimitRequestLine: (414, "the request line is too long"),
    errors.LimitRequestHeaders: (431, "the header fields are too many or too long"),
    errors.UnsupportedTransferCoding: (501, "the transfer coding is not known here"),
    errors.ExpectationFailed: (417, "only 100-continue can be expected"),
    errors.InvalidProxyLine: (400, "the PROXY line is malformed"),
    errors.InvalidProxyHeader: (400, "the PROXY header is malformed"),
    errors.ForbiddenProxyRequest: (403, "the PROXY protocol is not for this address"),
    errors.InvalidSchemeHeaders: (400, "the fields on the scheme contradict each other"),
    errors.ConfigurationProblem: (500, "SCRIPT_NAME does not fit the path"),
}  # fmt: skip
TOO_SLOW = (408, "the request did not come in time")


class Problem(msgspec.Struct):
    title: str
    status: int
    detail: str
    type: str = "about:blank"


def refusal_of(error: BaseException) -> tuple[int, str] | None:
    """Return the status and a sentence for a client's mistake; None for a mistake of ours."""
    if isinstance(error, (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName)):
        return None
    if isinstance(error, errors.InvalidHTTPVersion) and isinstance(error.version, tuple):
        return 505, "this is HTTP/1.1 (RFC 9110 section 15.6.6)"
    if isinstance(error, errors.InvalidHeader) and error.hdr in KNOWN_FIELDS:
        return 400, f"{error.hdr.title()} is missing, malformed or there twice"
    return next((said for kind, said in REFUSALS.items() if isinstance(error, kind)), None)


def written(status: int, detail: str) -> bytes:
    """Return the bytes of the whole response, with problem+json (RFC 9457)."""
    title = HTTPStatus(status).phrase
    body = msgspec.json.encode(Problem(title, status, detail))
    lines = [
        f"HTTP/1.1 {status} {title}",
        f"Date: {util.http_date()}",
        "Connection: close",
        "Content-Type: application/problem+json",
        "Cache-Control: no-store",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body

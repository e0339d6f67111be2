"""Answers to Engine.IO's requests."""

import msgspec

from ngw2f.http import Response

# The errors of the reference implementation, by their codes.
TRANSPORT_UNKNOWN = (0, "Transport unknown")
SESSION_UNKNOWN = (1, "Session ID unknown")
BAD_METHOD = (2, "Bad handshake method")
BAD_REQUEST = (3, "Bad request")
VERSION_UNSUPPORTED = (5, "Unsupported protocol version")

NO_STORE = {"Cache-Control": "no-store"}


class Problem(msgspec.Struct):
    """What the reference implementation says, and RFC 9457's names for it."""

    code: int
    message: str
    title: str
    status: int
    detail: str
    type: str = "about:blank"


def payload(packets: str | bytes) -> Response:
    return Response(packets, mimetype="text/plain", headers=NO_STORE)


def error(kind: tuple[int, str], detail: str) -> Response:
    """Return the answer to a request that the protocol does not allow."""
    problem = Problem(*kind, "Bad Request", 400, detail)
    return _problem(problem)


def try_again(detail: str) -> Response:
    """Return the answer to a request that cannot be followed right now; clients reconnect."""
    response = _problem(Problem(*BAD_REQUEST, "Service Unavailable", 503, detail))
    response.headers["Retry-After"] = "2"
    return response


def _problem(problem: Problem) -> Response:
    return Response(
        msgspec.json.encode(problem),
        problem.status,
        mimetype="application/problem+json",
        headers=NO_STORE,
    )

"""The responses of an operation: its own answers, and the errors that it may give."""

from ngw2f.web.openapi.fields import Schema, reference
from ngw2f.web.openapi.operations import Answer, Operation

# What each status of an error means, and the fields that say more.
REFUSALS: dict[int, tuple[str, tuple[str, ...]]] = {
    400: ("a parameter or the body is invalid, or the name is taken", ()),
    401: ("the credentials are wrong, missing, revoked or expired", ("WWW-Authenticate",)),
    403: ("this client may not do it, or a page of another origin asks", ()),
    404: ("it does not exist, or this reader may not see it", ()),
    406: ("there is no representation that Accept allows", ()),
    408: ("the body did not arrive in time", ()),
    409: ("the room, or the user's list of rooms, is full, or the room is archived", ()),
    410: ("what this Idempotency-Key made has been deleted", ()),
    413: ("the body is too long", ()),
    415: ("Content-Type does not say JSON", ()),
    422: ("the Idempotency-Key was used for something else", ()),
    426: ("needs an upgrade of HTTP/1.1", ("Upgrade",)),
    429: ("a limit is reached", ("Retry-After", "RateLimit", "RateLimit-Policy")),
    500: ("something went wrong on our side", ()),
    501: ("this server cannot speak WebSocket", ()),
    503: ("the database, the broker or the server cannot be used right now", ("Retry-After",)),
}


def responses_of(operation: Operation) -> Schema:
    """Return the responses of an operation, by status."""
    statuses = _statuses(operation)
    refusals = {status: reference("responses", f"Problem{status}") for status in statuses}
    answers = {answer.status: _answer(answer, operation) for answer in operation.answers}
    for status in answers.keys() & statuses:
        answers[status]["content"] |= refusal(status)["content"]
    found = refusals | answers
    return {str(status): found[status] for status in sorted(found)}


def _statuses(operation: Operation) -> set[int]:
    """Return the statuses of the errors that an operation may give."""
    statuses = {*operation.refusals, 500, 503}
    if operation.who in ("reader", "user", "password"):
        statuses.add(401)
    if operation.method != "get":
        statuses.add(403)
    if "{" in operation.path:
        statuses.add(404)
    if operation.body:
        statuses |= {400, 408, 413, 415}
    if operation.is_limited:
        statuses.add(429)
    return statuses


def _answer(answer: Answer, operation: Operation) -> Schema:
    described: Schema = {"description": answer.what}
    if answer.body is not None:
        schema = _schema_of(answer.body)
        described["content"] = {name: {"schema": schema} for name in answer.media_types}
    limits = ("RateLimit", "RateLimit-Policy") if operation.is_limited else ()
    if answer.headers or limits:
        described["headers"] = _fields((*answer.headers, *limits))
    return described


def refusal(status: int) -> Schema:
    """Return the response that is an error of this status."""
    what, headers = REFUSALS[status]
    return {
        "description": what,
        "headers": _fields(("Cache-Control", *headers)),
        "content": {
            "application/problem+json": {"schema": reference("schemas", "Problem")},
            "text/html": {"schema": {"type": "string"}},
            "text/plain": {"schema": {"type": "string"}},
        },
    }


def _fields(names: tuple[str, ...]) -> Schema:
    return {name: reference("headers", name) for name in names}


def _schema_of(body: type | Schema) -> Schema:
    return reference("schemas", body.__name__) if isinstance(body, type) else body

"""The whole description: the table of operations, and what all of them share."""

from typing import Any

import msgspec

from ngw2f import __version__
from ngw2f.http import JSON_TYPE, Request, Response, tagged
from ngw2f.resources import Message
from ngw2f.settings import Settings
from ngw2f.web.auth import COOKIE
from ngw2f.web.errors import Problem
from ngw2f.web.openapi.fields import HEADERS, Schema, bounds, parameters
from ngw2f.web.openapi.operations import OPERATIONS, Answer, Operation
from ngw2f.web.services import Services

CACHE_SECONDS = 300
REFERENCE = "#/components/{}/{}"
SCHEMAS = REFERENCE.format("schemas", "{name}")
ABOUT = """\
Times are Unix seconds. Errors are problem details (RFC 9457), or text or a page if Accept prefers
that. HEAD works wherever GET does, OPTIONS everywhere with `Allow`; any other method is a 405 with
`Allow`. A request that is not HTTP/1.1 as this server accepts it is a 400, 408, 413, 414, 417, 431,
501 or 505, whatever the operation. docs/api.md describes the events, and the messages over
WebSocket and Socket.IO."""

# Why an operation is refused, and which fields the answer has.
REFUSALS: dict[int, tuple[str, tuple[str, ...]]] = {
    400: ("a parameter or the body is not as described, or a name is taken", ()),
    401: ("the credentials are wrong, missing, revoked or expired", ("WWW-Authenticate",)),
    403: ("not for this client, or from a page of another origin", ()),
    404: ("it does not exist, or this reader may not see it", ()),
    406: ("no form that Accept allows is available", ()),
    408: ("the body did not arrive in time", ()),
    409: ("the room, or the user's list of rooms, is full", ()),
    410: ("what this Idempotency-Key created is deleted", ()),
    413: ("the body is too long", ()),
    415: ("the Content-Type is not JSON", ()),
    422: ("the Idempotency-Key was used for something else", ()),
    426: ("only with an upgrade from HTTP/1.1", ("Upgrade",)),
    429: ("too often", ("Retry-After", "RateLimit", "RateLimit-Policy")),
    500: ("something went wrong on our side", ()),
    501: ("this server does not support WebSockets", ()),
    503: ("the database, the broker or the server cannot be used right now", ("Retry-After",)),
}


def show(services: Services, request: Request) -> Response:
    """Answer with the description of this chat's API."""
    content = msgspec.json.encode(build_document(services.core.settings))
    response = Response(content, content_type=JSON_TYPE)
    response.headers["Cache-Control"] = f"public, max-age={CACHE_SECONDS}"
    return tagged(request, response)


def build_document(settings: Settings) -> dict[str, Any]:
    """Return OpenAPI 3.1 for a chat with these settings."""
    paths: dict[str, Schema] = {}
    for operation in OPERATIONS:
        described = _operation(operation, settings)
        paths.setdefault(operation.path, {})[operation.method] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "NGW2F",
            "version": __version__,
            "summary": "A chat for many",
            "description": ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": _schemas(settings),
            "parameters": parameters(),
            "headers": HEADERS,
            "responses": {f"Problem{status}": _refusal(status) for status in REFUSALS},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
                "password": {"type": "http", "scheme": "basic"},
                "operator": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`metrics_token`; without that setting, only from this machine",
                },
            },
        },
    }


def _operation(operation: Operation, settings: Settings) -> Schema:
    described: Schema = {
        "operationId": operation.name,
        "summary": operation.summary,
        "security": _security(operation, settings),
        "responses": _responses(operation),
    }
    if operation.description:
        described["description"] = operation.description
    if operation.parameters:
        described["parameters"] = [_reference("parameters", name) for name in operation.parameters]
    if operation.body:
        content = {JSON_TYPE: {"schema": _reference("schemas", operation.body.__name__)}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _security(operation: Operation, settings: Settings) -> list[dict[str, list[str]]]:
    user: list[dict[str, list[str]]] = [{"bearer": []}, {"session": []}]
    if operation.who == "reader":
        return [{}, *user] if settings.anonymous_read else user
    if operation.who == "operator":
        return [{"operator": []}] if settings.metrics_token else [{}]
    if operation.who == "password":
        return [{"password": []}]
    return user if operation.who == "user" else []


def _responses(operation: Operation) -> Schema:
    refusals = {status: _reference("responses", f"Problem{status}") for status in _why(operation)}
    answers = {answer.status: _answer(answer, operation) for answer in operation.answers}
    if answers.keys() & refusals.keys():
        for status in answers.keys() & refusals.keys():
            answers[status]["content"] |= _refusal(status)["content"]
    found = refusals | answers
    return {str(status): found[status] for status in sorted(found)}


def _why(operation: Operation) -> set[int]:
    """Return the statuses with which an operation may be refused."""
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


def _refusal(status: int) -> Schema:
    what, headers = REFUSALS[status]
    return {
        "description": what,
        "headers": _fields(("Cache-Control", *headers)),
        "content": {
            "application/problem+json": {"schema": _reference("schemas", "Problem")},
            "text/html": {"schema": {"type": "string"}},
            "text/plain": {"schema": {"type": "string"}},
        },
    }


def _fields(names: tuple[str, ...]) -> Schema:
    return {name: _reference("headers", name) for name in names}


def _schema_of(body: type | Schema) -> Schema:
    return _reference("schemas", body.__name__) if isinstance(body, type) else body


def _schemas(settings: Settings) -> dict[str, Schema]:
    bodies = {operation.body for operation in OPERATIONS if operation.body}
    answers = {
        answer.body
        for operation in OPERATIONS
        for answer in operation.answers
        if isinstance(answer.body, type)
    }
    shapes = sorted({Problem, Message} | bodies | answers, key=lambda shape: shape.__name__)
    _, schemas = msgspec.json.schema_components(shapes, ref_template=SCHEMAS)
    for shape, members in bounds(settings).items():
        for member, schema in members.items():
            _bound(schemas[shape]["properties"][member], schema)
    schemas["Event"] = {
        "type": "object",
        "required": ["id", "event", "data"],
        "properties": {
            "id": {"type": "string"},
            "event": {"type": "string"},
            "data": {"type": "object"},
        },
    }
    return schemas


def _bound(member: Schema, schema: Schema) -> None:
    """Add *schema* to a member's; if it may be null, to that of the other type."""
    text = next((each for each in member.get("anyOf", ()) if each["type"] == "string"), member)
    text |= schema


def _reference(kind: str, name: str) -> Schema:
    return {"$ref": REFERENCE.format(kind, name)}

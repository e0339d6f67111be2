"""The OpenAPI document as a whole, built from the table of operations."""

from typing import Any

import msgspec

from ngw2f import __version__
from ngw2f.api_resources import Message
from ngw2f.http import JSON_TYPE, Request, Response, tagged
from ngw2f.settings import Settings
from ngw2f.web.auth import COOKIE
from ngw2f.web.errors import Problem
from ngw2f.web.openapi.fields import HEADERS, PARAMETERS, REFERENCE, Schema, bounds, reference
from ngw2f.web.openapi.operations import OPERATIONS, Operation
from ngw2f.web.openapi.responses import REFUSALS, refusal, responses_of
from ngw2f.web.services import Services

CACHE_SECONDS = 300
ABOUT = """\
Times are Unix seconds. Errors are problem details (RFC 9457), or text or a page where Accept
prefers that. HEAD works wherever GET does, and OPTIONS everywhere; any other method is a 405. Both
405 and OPTIONS have `Allow`. A request that is not valid HTTP/1.1, or too large for this server, is
a 400, 408, 413, 414, 417, 431, 501 or 505, whatever the operation. docs/api.md describes events,
WebSocket and Socket.IO."""


def show(services: Services, request: Request) -> Response:
    """Answer with the OpenAPI document of this chat."""
    content = msgspec.json.encode(build_document(services.core.settings))
    response = Response(content, content_type=JSON_TYPE)
    response.headers["Cache-Control"] = f"public, max-age={CACHE_SECONDS}"
    return tagged(request, response)


def build_document(settings: Settings) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document for a chat with these settings."""
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
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "responses": {f"Problem{status}": refusal(status) for status in REFUSALS},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
                "password": {"type": "http", "scheme": "basic"},
                "operator": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`metrics_token`; if that is not set, only from this machine",
                },
            },
        },
    }


def _operation(operation: Operation, settings: Settings) -> Schema:
    described: Schema = {
        "operationId": operation.name,
        "summary": operation.summary,
        "security": _security(operation, settings),
        "responses": responses_of(operation),
    }
    if operation.description:
        described["description"] = operation.description
    if operation.parameters:
        described["parameters"] = [reference("parameters", name) for name in operation.parameters]
    if operation.takes_bytes:
        described["requestBody"] = {"content": {"application/octet-stream": {"schema": {}}}}
    if operation.body:
        content = {JSON_TYPE: {"schema": reference("schemas", operation.body.__name__)}}
        described["requestBody"] = {
            "required": not operation.is_body_optional,
            "content": content,
        }
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


def _schemas(settings: Settings) -> dict[str, Schema]:
    bodies = {operation.body for operation in OPERATIONS if operation.body}
    answers = {
        answer.body
        for operation in OPERATIONS
        for answer in operation.answers
        if isinstance(answer.body, type)
    }
    shapes = sorted({Problem, Message} | bodies | answers, key=lambda shape: shape.__name__)
    template = REFERENCE.format("schemas", "{name}")
    _, schemas = msgspec.json.schema_components(shapes, ref_template=template)
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
    """Add bounds to a member's schema; if it may be null, to its other type."""
    text = next((each for each in member.get("anyOf", ()) if each["type"] == "string"), member)
    text |= schema

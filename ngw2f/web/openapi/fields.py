"""What several operations share: parameters, header fields, and bounds."""

import re
from typing import Any

from ngw2f.resources import MAX_ID
from ngw2f.settings import Settings
from ngw2f.text.names import MAX_NICKNAME_CHARACTERS, MAX_ROOM_NAME_CHARACTERS
from ngw2f.text.password import MAX_PASSWORD_CHARACTERS, MIN_PASSWORD_CHARACTERS
from ngw2f.text.plain import CONTROLS
from ngw2f.text.visible import UNSEEN
from ngw2f.web.events import MAX_WAIT_SECONDS, WAIT_SECONDS
from ngw2f.web.idempotency import MAX_CHARACTERS
from ngw2f.web.paging import DEFAULT_LIMIT, MAX_LIMIT

Schema = dict[str, Any]

# A quoted string (RFC 9651 section 3.3.3), or bare.
KEY_PATTERN = (
    rf'^(?:"(?:[ !#-\[\]-~]|\\["\\]){{1,{MAX_CHARACTERS}}}"'
    rf"|[!#$%&'*+.^_`|~0-9A-Za-z:/-]{{1,{MAX_CHARACTERS}}})$"
)
ESCAPE = re.compile(r"\\x(..)|\\u(.{4})|\\U(.{8})")
TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer"}


def _id(what: str) -> Schema:
    return {
        "in": "path",
        "required": True,
        "schema": {**NUMBER, "minimum": 1, "maximum": MAX_ID, "description": what},
    }


def _query(what: str, **schema: Any) -> Schema:
    return {"in": "query", "description": what, "schema": schema}


def _header(what: str, **schema: Any) -> Schema:
    return {"in": "header", "description": what, "schema": {**TEXT, **schema}}


def parameters() -> dict[str, Schema]:
    """Return the parameters by the names that the table of operations uses."""
    number = {"type": "integer", "maximum": MAX_ID}
    found: dict[str, Schema] = {
        "user_id": _id("a user"),
        "room_id": _id("a room"),
        "message_id": _id("a message"),
        "task_id": {"in": "path", "required": True, "schema": {**TEXT, "minLength": 1}},
        "before": _query("only messages with a smaller id", minimum=0, **number),
        "after": _query("only messages with a greater id, from the oldest on", minimum=0, **number),
        "beyond": {
            **_query("only those with a greater id", minimum=0, **number),
            "name": "after",
        },
        "limit": _query(
            f"how many; greater numbers count as {MAX_LIMIT}",
            minimum=1, default=DEFAULT_LIMIT, **number,
        ),
        "updated_since": _query("a time in Unix seconds", type="number"),
        "author": {**_query("a user's messages", minimum=1, **number), "name": "user_id"},
        "online": _query("1: only users online; 0: only others", type="integer", enum=[0, 1]),
        "cursor": {
            **_query("the id of the last event that was seen", type="string"),
            "name": "after",
        },
        "wait": _query(
            f"how many seconds to wait; greater numbers count as {MAX_WAIT_SECONDS}. With `after`, "
            f"{WAIT_SECONDS} by default",
            minimum=0, **number,
        ),
        "EIO": {
            **_query("Engine.IO's version", type="string", enum=["4"]),
            "required": True,
        },
        "transport": {
            **_query("`websocket` in a handshake by RFC 6455", type="string", enum=["polling"]),
            "required": True,
        },
        "sid": {**_query("the session", type="string", minLength=1), "required": True},
        "If-None-Match": _header("ETags that the client has (RFC 9110 section 13.1.2)"),
        "Last-Event-ID": _header("the id of the last event that was seen; overrides `after`"),
        "Prefer": _header("`wait=N`, `respond-async` (RFC 7240)"),
        "Idempotency-Key": _header("a key for this one request", pattern=KEY_PATTERN),
    }  # fmt: skip
    return {key: {"name": key, **parameter} for key, parameter in found.items()}


HEADERS: dict[str, Schema] = {
    "Allow": {"description": "the methods that are allowed", "schema": TEXT},
    "Cache-Control": {"description": "who may keep it (RFC 9111)", "schema": TEXT},
    "Content-Location": {"description": "the path of what is sent", "schema": TEXT},
    "ETag": {"description": "the version, for If-None-Match", "schema": TEXT},
    "Link": {"description": 'the next page: `<...>; rel="next"` (RFC 8288)', "schema": TEXT},
    "Location": {"description": "its path, also before it exists", "schema": TEXT},
    "Preference-Applied": {"description": "which preferences were honored", "schema": TEXT},
    "RateLimit": {"description": "what is left of a limit", "schema": TEXT},
    "RateLimit-Policy": {"description": "which limit counts", "schema": TEXT},
    "Retry-After": {"description": "seconds until the next try", "schema": NUMBER},
    "Upgrade": {"description": "the protocol to upgrade to", "schema": TEXT},
    "WWW-Authenticate": {"description": "how to sign in (RFC 9110 section 11.6.1)", "schema": TEXT},
}


def bounds(settings: Settings) -> dict[str, dict[str, Schema]]:
    """Return what the code checks beyond the type, by shape and member."""
    # No schema can express the other rules for names (docs/api.md).
    nickname = {"minLength": 1, "maxLength": MAX_NICKNAME_CHARACTERS, "format": "nickname"}
    password = {
        "minLength": MIN_PASSWORD_CHARACTERS,
        "maxLength": MAX_PASSWORD_CHARACTERS,
        "format": "password",
    }
    return {
        "NewUser": {"nickname": nickname, "password": password},
        "ChangedUser": {"nickname": nickname, "password": password},
        "NewRoom": {
            "name": {"minLength": 1, "maxLength": MAX_ROOM_NAME_CHARACTERS, "format": "room-name"}
        },
        "NewMessage": {
            "source": {
                "minLength": 1,
                "maxLength": settings.max_message_characters,
                "pattern": source_pattern(),
            }
        },
    }


def source_pattern() -> str:
    """Return the pattern of a message: no control characters, and something visible."""
    controls = "".join(sorted(CONTROLS - {"\r"}))
    text = f"[^{controls}]*"
    return f"^{text}[^{controls}{_written_out(UNSEEN)}]{text}$"


def _written_out(characters: str) -> str:
    """Replace Python's escapes by characters: other languages write escapes differently."""
    return ESCAPE.sub(lambda found: chr(int(next(filter(None, found.groups())), 16)), characters)

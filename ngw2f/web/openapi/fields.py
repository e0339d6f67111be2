"""What several operations share: parameters, header fields, and the bounds of members."""

import re
from typing import Any

from ngw2f.api_resources import MAX_ID
from ngw2f.live.choice import MAX_EVENTS, MAX_ROOMS, NAMES
from ngw2f.settings import Settings
from ngw2f.text.emoji import MAX_CHARACTERS as MAX_EMOJI_CHARACTERS
from ngw2f.text.names import MAX_NICKNAME_CHARACTERS, MAX_ROOM_NAME_CHARACTERS
from ngw2f.text.password import MAX_PASSWORD_CHARACTERS, MIN_PASSWORD_CHARACTERS
from ngw2f.text.plain import CONTROLS
from ngw2f.text.topics import MAX_TOPIC_CHARACTERS
from ngw2f.text.visible import UNSEEN
from ngw2f.web.events import MAX_WAIT_SECONDS, WAIT_SECONDS
from ngw2f.web.idempotency import MAX_CHARACTERS
from ngw2f.web.paging import DEFAULT_LIMIT, MAX_LIMIT

Schema = dict[str, Any]

# A quoted string (RFC 9651 section 3.3.3), or one without quotes.
KEY_PATTERN = (
    rf'^(?:"(?:[ !#-\[\]-~]|\\["\\]){{1,{MAX_CHARACTERS}}}"'
    rf"|[!#$%&'*+.^_`|~0-9A-Za-z:/-]{{1,{MAX_CHARACTERS}}})$"
)
ESCAPE = re.compile(r"\\x(..)|\\u(.{4})|\\U(.{8})")
REFERENCE = "#/components/{}/{}"
TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer"}


def reference(kind: str, name: str) -> Schema:
    """Return a reference to a component of the document."""
    return {"$ref": REFERENCE.format(kind, name)}


def _id(what: str) -> Schema:
    return {
        "in": "path",
        "required": True,
        "schema": {**NUMBER, "minimum": 1, "maximum": MAX_ID, "description": what},
    }


def _query(what: str, **schema: Any) -> Schema:
    return {"in": "query", "description": what, "schema": schema}


def _list_of(pattern: str, most: int) -> str:
    return f"^({pattern})(,({pattern})){{0,{most - 1}}}$"


def _header(what: str, **schema: Any) -> Schema:
    return {"in": "header", "description": what, "schema": {**TEXT, **schema}}


_GROUPS = sorted({name.partition(".")[0] for name in NAMES if "." in name})
# An event's name, or a pattern.
_NAME = "|".join([*map(re.escape, NAMES), *(rf"{group}\.\*" for group in _GROUPS)])

UP_TO: Schema = {**NUMBER, "maximum": MAX_ID}

# By the names that the table of operations uses; a query may have another name for it.
IN_PATH: dict[str, Schema] = {
    "user_id": _id("a user"),
    "room_id": _id("a room"),
    "invitation_id": _id("an invitation"),
    "message_id": _id("a message"),
    "file_id": _id("a file"),
    "file_name": {"in": "path", "required": True, "schema": {**TEXT, "minLength": 1}},
    "token_id": _id("a token or a session"),
    "emoji": {
        "in": "path",
        "required": True,
        # Which texts are one, a pattern would take a page to say (ngw2f/text/emoji.py).
        "schema": {**TEXT, "minLength": 1, "maxLength": MAX_EMOJI_CHARACTERS, "format": "emoji"},
    },
    "task_id": {"in": "path", "required": True, "schema": {**TEXT, "minLength": 1}},
}
IN_QUERY: dict[str, Schema] = {
    "before": _query("only messages with a smaller id", minimum=0, **UP_TO),
    "after": _query(
        "only messages with a greater id, beginning with the oldest", minimum=0, **UP_TO
    ),
    "beyond": {**_query("only those with a greater id", minimum=0, **UP_TO), "name": "after"},
    "limit": _query(f"how many, at most {MAX_LIMIT}", minimum=1, default=DEFAULT_LIMIT, **UP_TO),
    "updated_since": _query("only those changed after this time, in Unix seconds", type="number"),
    "author": {**_query("only messages of this user", minimum=1, **UP_TO), "name": "user_id"},
    # It has at least one word, and at most 64 (ngw2f/text/search_query.py).
    "q": {**_query("what to search for", **TEXT, minLength=1, format="search"), "required": True},
    "room": _query("only in this room", minimum=1, **UP_TO),
    "archived": _query("1: the archived rooms instead", **NUMBER, enum=[0, 1]),
    "online": _query("1: only users online; 0: only users offline", **NUMBER, enum=[0, 1]),
    "cursor": {**_query("the id of the last event that the client has", **TEXT), "name": "after"},
    "ticket": _query(
        "a ticket of POST /api/tickets, in place of Authorization", **TEXT, minLength=1
    ),
    "wait": _query(
        f"how long to wait, in seconds, at most {MAX_WAIT_SECONDS}; with `after`, "
        f"{WAIT_SECONDS} by default",
        minimum=0,
        **UP_TO,
    ),
    "rooms": _query(
        f"hear only these rooms, and what is about none: ids with commas, at most {MAX_ROOMS}",
        **TEXT,
        pattern=_list_of("[1-9][0-9]{0,8}", MAX_ROOMS),
    ),
    "events": _query(
        "hear only these events: names and patterns such as `message.*`, with commas",
        **TEXT,
        pattern=_list_of(_NAME, MAX_EVENTS),
    ),
    "EIO": {**_query("Engine.IO's version", **TEXT, enum=["4"]), "required": True},
    "transport": {
        **_query("`websocket` in a WebSocket handshake (RFC 6455)", **TEXT, enum=["polling"]),
        "required": True,
    },
    "upload_name": {**_query("the file's name, which is cleaned", **TEXT), "name": "name"},
    "sid": {**_query("the session", **TEXT, minLength=1), "required": True},
}
IN_HEADER: dict[str, Schema] = {
    "If-None-Match": _header("ETags that the client has (RFC 9110 section 13.1.2)"),
    "Last-Event-ID": _header("the id of the last event that the client has; overrides `after`"),
    "Range": _header("parts of it (RFC 9110 section 14.2)"),
    "Prefer": _header("`wait=N`, `respond-async` (RFC 7240)"),
    "Idempotency-Key": _header(
        "a key that the client makes up for this one request", pattern=KEY_PATTERN
    ),
}
PARAMETERS: dict[str, Schema] = {
    key: {"name": key, **parameter}
    for key, parameter in {**IN_PATH, **IN_QUERY, **IN_HEADER}.items()
}

HEADERS: dict[str, Schema] = {
    "Allow": {"description": "the methods of this path", "schema": TEXT},
    "Cache-Control": {"description": "who may cache it (RFC 9111)", "schema": TEXT},
    "Content-Disposition": {"description": "its name (RFC 6266)", "schema": TEXT},
    "Content-Location": {"description": "the path of what is sent", "schema": TEXT},
    "ETag": {"description": "the version, for If-None-Match", "schema": TEXT},
    "Link": {"description": 'the next page: `<...>; rel="next"` (RFC 8288)', "schema": TEXT},
    "Location": {"description": "its path, also before it exists", "schema": TEXT},
    "Preference-Applied": {"description": "the preferences that were followed", "schema": TEXT},
    "RateLimit": {"description": "how much of the limit is left", "schema": TEXT},
    "RateLimit-Policy": {"description": "the limit that counts this request", "schema": TEXT},
    "Retry-After": {
        "description": "how many seconds to wait before trying again",
        "schema": NUMBER,
    },
    "Upgrade": {"description": "the protocol to upgrade to", "schema": TEXT},
    "WWW-Authenticate": {"description": "how to sign in (RFC 9110 section 11.6.1)", "schema": TEXT},
}


def bounds(settings: Settings) -> dict[str, dict[str, Schema]]:
    """Return what the code requires of a member beyond its type, by shape and member."""
    # Names have further rules (docs/api.md), which a schema cannot express.
    nickname = {"minLength": 1, "maxLength": MAX_NICKNAME_CHARACTERS, "format": "nickname"}
    source = {
        "minLength": 1,
        "maxLength": settings.max_message_characters,
        "pattern": source_pattern(),
    }
    password = {
        "minLength": MIN_PASSWORD_CHARACTERS,
        "maxLength": MAX_PASSWORD_CHARACTERS,
        "format": "password",
    }
    room_name = {"minLength": 1, "maxLength": MAX_ROOM_NAME_CHARACTERS, "format": "room-name"}
    topic = {"maxLength": MAX_TOPIC_CHARACTERS, "format": "topic"}
    return {
        "NewUser": {"nickname": nickname, "password": password},
        "ChangedUser": {"nickname": nickname, "password": password},
        "NewRoom": {"name": room_name},
        "ChangedRoom": {"name": room_name, "topic": topic},
        "NewMessage": {"source": source},
        "ChangedMessage": {"source": source},
    }


def source_pattern() -> str:
    """Return the pattern of a message: no control characters, and a visible one."""
    controls = "".join(sorted(CONTROLS - {"\r"}))
    text = f"[^{controls}]*"
    return f"^{text}[^{controls}{_written_out(UNSEEN)}]{text}$"


def _written_out(characters: str) -> str:
    """Replace Python's escapes by characters; other languages have other escapes."""
    return ESCAPE.sub(lambda found: chr(int(next(filter(None, found.groups())), 16)), characters)

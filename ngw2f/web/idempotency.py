"""Writes that may be sent again: `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header).

The same account with the same key gets what the first request made, as it is now, and nothing
is done again; a key that was used for something else is refused. Over WebSocket and Socket.IO
`client_id` is the key, in the page's forms a field.
"""

import hashlib
import re

import msgspec
from sqlalchemy import Connection

from middleware.cache.structured import StructuredFieldError, parse_item
from ngw2f.http import Request, problem
from ngw2f.store.keys import find_use
from ngw2f.store.users import UserRow

FORM_FIELD = "idempotency_key"
MAX_CHARACTERS = 255
# As all programs that read JSON have it (RFC 8259 section 6).
MAX_NUMBER = 2**53

# Not in the draft, which has a quoted string; others' clients send them bare.
BARE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z:/-]+")


def key_of(request: Request) -> str | None:
    """Return the key that the request's field has, None if there is none. Raises 400."""
    text = request.headers.get("Idempotency-Key")
    if text is None:
        return None
    text = text.strip(" \t")
    if BARE.fullmatch(text):
        return check_key(text)
    try:
        value = parse_item(text).value
    except StructuredFieldError:
        value = None
    # A structured field's other types are of other classes.
    if type(value) is not str:
        raise problem(400, 'Idempotency-Key is a quoted string, as "8e03978e-40d5-43dd-bc93"')
    return check_key(value)


def key_of_client(client_id: object) -> str | None:
    """Return the key that a client's id for its post is, a string or a number. Raises 400."""
    if client_id is None:
        return None
    # True is an int; Python writes no number down that is too long.
    is_number = type(client_id) is int and abs(client_id) <= MAX_NUMBER
    if not (is_number or isinstance(client_id, str)):
        raise problem(400, "client_id is a string or a whole number")
    return check_key(str(client_id))


def key_of_form(request: Request) -> str | None:
    """Return the key that the page's form has; an empty one is none. Raises 400."""
    text = request.form_field(FORM_FIELD)
    return check_key(text) if text else None


def check_key(text: str) -> str:
    if not 0 < len(text) <= MAX_CHARACTERS:
        raise problem(400, f"an idempotency key has 1 to {MAX_CHARACTERS} characters")
    return text


def digest_of(*asked: object) -> bytes:
    """Return what stands for all that a request asked for."""
    return hashlib.sha256(msgspec.json.encode(asked)).digest()


def find_made(connection: Connection, user: UserRow, key: str, asked: bytes) -> int | None:
    """Return the id of what the key was used for. Raises 422 if that is not what is *asked*."""
    use = find_use(connection, user.id, key)
    if use is None:
        return None
    if use.request_digest != asked:
        raise problem(422, "this idempotency key was used for something else; take a new one")
    return use.resource_id

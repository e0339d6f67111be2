"""How clients send an idempotency key (draft-ietf-httpapi-idempotency-key-header).

REST has the field `Idempotency-Key`, WebSocket and Socket.IO have `client_id`, and the page's forms
have a hidden field. What a key does is in `ngw2f/actions/idempotency.py`.
"""

import re

from middleware.cache.structured import StructuredFieldError, parse_item
from ngw2f.errors import Invalid
from ngw2f.http import Request
from ngw2f.sentences import Sentence

FORM_FIELD = "idempotency_key"
MAX_CHARACTERS = 255
# All programs that read JSON read integers up to here exactly (RFC 8259 section 6).
MAX_NUMBER = 2**53

# The draft has a quoted string, but clients of other APIs send the key bare.
BARE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z:/-]+")


def key_of(request: Request) -> str | None:
    """Return the key in the request's field, None if there is none. Raises Invalid."""
    text: str | None = request.environ.get("HTTP_IDEMPOTENCY_KEY")
    if text is None:
        return None
    text = text.strip(" \t")
    if BARE.fullmatch(text):
        return check_key(text)
    try:
        value = parse_item(text).value
    except StructuredFieldError:
        value = None
    # Structured fields of other types have other classes.
    if type(value) is not str:
        raise Invalid('Idempotency-Key must be a quoted string, as "8e03978e-40d5-43dd-bc93"')
    return check_key(value)


def key_of_client(client_id: object) -> str | None:
    """Return the key for a client's id of its post, a string or a number. Raises Invalid."""
    if client_id is None:
        return None
    # True is an int. Python refuses to write a number that is too long.
    is_number = type(client_id) is int and abs(client_id) <= MAX_NUMBER
    if not (is_number or isinstance(client_id, str)):
        raise Invalid("client_id must be a string or a whole number")
    return check_key(str(client_id))


def key_of_form(request: Request) -> str | None:
    """Return the key in the page's form; an empty one is none. Raises Invalid."""
    text = request.form_field(FORM_FIELD)
    return check_key(text) if text else None


def check_key(text: str) -> str:
    """Return *text* if it can be a key. Raises Invalid."""
    if not 0 < len(text) <= MAX_CHARACTERS:
        raise Invalid(
            Sentence("an idempotency key must have 1 to %(most)d characters", most=MAX_CHARACTERS)
        )
    return text

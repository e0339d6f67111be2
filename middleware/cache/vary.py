"""The request fields that a response varies on, and their values (RFC 9111 section 4.1).

`variants.py` selects a stored response by them.
"""

from typing import Any

from middleware._fields import split_list, value_of
from middleware._wsgi import Headers

Selecting = tuple[tuple[str, str | None], ...]

# Their members have weights, so the order means nothing (RFC 9110 section 12.5).
_UNORDERED = frozenset(
    {"HTTP_ACCEPT", "HTTP_ACCEPT_CHARSET", "HTTP_ACCEPT_ENCODING", "HTTP_ACCEPT_LANGUAGE"}
)
# Fields that are not lists: a comma and the space around it belong to the value.
_NO_LISTS = frozenset(
    {
        "HTTP_AUTHORIZATION",
        "HTTP_COOKIE",
        "HTTP_FROM",
        "HTTP_PROXY_AUTHORIZATION",
        "HTTP_REFERER",
        "HTTP_USER_AGENT",
    }
)


def environ_key(name: str) -> str:
    """Return the environ key of a request field (PEP 3333, "environ Variables")."""
    key = name.upper().replace("-", "_")
    return key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"


def selecting_fields(headers: Headers) -> list[str]:
    """List the environ keys of the fields that a response's Vary names, each once, sorted."""
    return sorted({environ_key(name) for name in split_list(value_of(headers, "vary") or "")})


def selecting_values(headers: Headers, environ: dict[str, Any]) -> Selecting:
    """Return the request's values of the fields that the response varies on."""
    return tuple((key, normalize(key, environ.get(key))) for key in selecting_fields(headers))


def normalize(key: str, value: str | None) -> str | None:
    """Return the normal form of a field value, the same for equivalent values; None stays None.

    Space around commas is removed if the field may be a list. In the `Accept` family,
    order has no meaning, and letter case only in the parameters of media types.
    """
    if value is None or key in _NO_LISTS:
        return value
    members = split_list(value)
    if key in _UNORDERED:
        members = [_without_space(member) for member in members]
        if key != "HTTP_ACCEPT":
            members = [member.lower() for member in members]
        members.sort()
    return ",".join(members)


def _without_space(member: str) -> str:
    if '"' in member:
        return member
    return member.replace(" ", "").replace("\t", "")

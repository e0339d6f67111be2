"""Read and change header fields kept as WSGI's list of pairs.

The names are compared in lower case, because field names are case-insensitive
(RFC 9110 section 5.1) and applications write them as they like.
"""

from collections.abc import Collection
from functools import lru_cache

from middleware._wsgi import Headers

# Meant for one connection only, so a cache neither stores nor replays them (RFC 9111 section 3.1).
HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def of_connection(headers: Headers) -> frozenset[str]:
    """Return the names of the fields that are for one connection only, in lower case.

    Those that are always, and those that `Connection` lists (RFC 9110 section 7.6.1).
    """
    listed = value_of(headers, "connection")
    return HOP_BY_HOP if listed is None else HOP_BY_HOP | set(split_list(listed.lower()))


def values_of(headers: Headers, name: str) -> list[str]:
    """List the values of the lines that carry the field, in their order; `name` in lower case."""
    return [value for field, value in headers if field.lower() == name]


def value_of(headers: Headers, name: str) -> str | None:
    """Join all lines of a field into one value (RFC 9110 section 5.3); None if there is none."""
    values = values_of(headers, name)
    return ", ".join(values) if values else None


def first_value_of(headers: Headers, name: str) -> str | None:
    """Return the value of the field's first line, or None; `name` in lower case."""
    for field, value in headers:
        if field.lower() == name:
            return value
    return None


@lru_cache(512)
def _lower_case(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset([name.lower() for name in names])


def names_in(headers: Headers) -> frozenset[str]:
    """Return the names of the fields, in lower case.

    The result is cached by the names alone: an application uses the same lists again and again.
    """
    return _lower_case(tuple([name for name, _ in headers]))


def without(headers: Headers, names: Collection[str]) -> Headers:
    """Copy the list without the named fields; the names in lower case."""
    if names_in(headers).isdisjoint(names):
        return list(headers)
    return [pair for pair in headers if pair[0].lower() not in names]


def with_vary(headers: Headers, field: str) -> Headers:
    """Copy the list with a `Vary` that names this request field (RFC 9110 section 12.5.5)."""
    values = values_of(headers, "vary")
    listed = {name.strip().lower() for value in values for name in value.split(",")}
    if "*" in listed or field.lower() in listed:
        return list(headers)
    return [*without(headers, ("vary",)), ("Vary", ", ".join([*values, field]))]


def split_list(value: str) -> list[str]:
    """Split a comma-separated field value outside quoted strings; empty members are dropped."""
    members = split_outside_quotes(value, ",")
    return [stripped for member in members if (stripped := member.strip(" \t"))]


def split_outside_quotes(value: str, separator: str) -> list[str]:
    """Split a field value at a character, but not within quoted strings (RFC 9110 5.6.4)."""
    if '"' not in value:
        return value.split(separator)
    members: list[str] = []
    start = 0
    quoted = escaped = False
    for position, character in enumerate(value):
        if escaped:
            escaped = False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == separator and not quoted:
            members.append(value[start:position])
            start = position + 1
    members.append(value[start:])
    return members

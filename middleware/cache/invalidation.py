"""Which stored responses an unsafe request makes invalid (RFC 9111 section 4.4, RFC 9875)."""

import re
from collections.abc import Sequence
from urllib.parse import urljoin, urlsplit

from middleware._fields import value_of
from middleware._wsgi import Headers
from middleware.cache.key import normalize_uri, origin_of
from middleware.cache.prefixes import prefix_groups
from middleware.cache.structured import Item, StructuredFieldError, Token, parse_list

# RFC 9110 section 9.2.1. A method that this cache does not know counts as unsafe.
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

# An absolute path in which nothing needs resolving: no dots, escapes, query or double slashes.
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9_-]+)+")

# RFC 9875 section 2 asks for at least 32; the rest of a longer list is ignored.
MAX_GROUPS = 128


def is_error(status: int) -> bool:
    """Return whether nothing has changed: only a 2xx or 3xx invalidates (RFC 9111 section 4.4)."""
    return not 200 <= status <= 399


def invalidated_uris(uri: str, headers: Headers) -> list[str]:
    """List the URIs whose responses a successful unsafe request makes invalid.

    Its own, and those in Location and Content-Location, but only of the same origin:
    otherwise one site could empty the cache of another.
    """
    uris = [uri]
    for name in ("location", "content-location"):
        reference = value_of(headers, name)
        if reference is not None and (other := resolve(uri, reference)) is not None:
            uris.append(other)
    return uris


def resolve(uri: str, reference: str) -> str | None:
    """Return the URI that a reference in a response means, or None if it has another origin."""
    if _PLAIN_PATH.fullmatch(reference):
        return origin_of(uri) + reference
    try:
        target = normalize_uri(urljoin(uri, reference))
        return target if urlsplit(target)[:2] == urlsplit(uri)[:2] else None
    except ValueError:
        return None  # Not a URI at all, such as one with "[" in its host.


def group_names(headers: Headers, field: str) -> list[str]:
    """Read a list of group names; parameters are ignored, and so is a field that is invalid.

    RFC 9875 sections 2 and 3: a List of Strings.
    """
    value = value_of(headers, field)
    if value is None:
        return []
    try:
        members = parse_list(value)
    except StructuredFieldError:
        return []
    values = [member.value if isinstance(member, Item) else None for member in members]
    names = [name for name in values if isinstance(name, str) and not isinstance(name, Token)]
    return names[:MAX_GROUPS] if len(names) == len(members) else []


def groups_of(headers: Headers, key: str) -> tuple[str, ...]:
    """List the names by which a stored response is dropped.

    Its key, the prefixes of that, and each of its groups. A group belongs to its origin (RFC 9875
    section 2.1). By the bare name, the application behind the cache drops it for all origins
    that it serves.
    """
    names = group_names(headers, "cache-groups")
    of_origin = [group_of_origin(key, name) for name in names]
    return (key, *prefix_groups(key), *names, *of_origin)


def dropped_groups(key: str, headers: Headers) -> Sequence[str]:
    """List the groups that the response to an unsafe request drops (RFC 9875 section 3)."""
    return [group_of_origin(key, name) for name in group_names(headers, "cache-group-invalidation")]


def group_of_origin(key: str, name: str) -> str:
    """Return the name by which one origin's group is dropped."""
    return f"{origin_of(key)} {name}"

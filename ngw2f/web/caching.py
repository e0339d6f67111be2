"""Which answers the cache in front of the chat may store, and which events invalidate them.

Answers of the API belong to groups (RFC 9875): `room-ID` for what is in a room, `rooms`, `users`,
and `reader-ID` for what was made for a signed-in user. Every event makes the event log drop the
groups that it concerns (ngw2f/live/cache_groups.py), so in every process a stored answer is as new
as the stream.

Only our own cache may store them, by a field of its own (RFC 9213). Browsers and proxies get
`no-cache` and revalidate with the ETag; ngw2f/http.py answers 304.
"""

import time
from collections.abc import Iterable

from ngw2f.http import Request, Response, add_vary, json_response, tagged
from ngw2f.live.cache_groups import reader_group
from ngw2f.store.users import UserRow

TARGETED_FIELD = "NGW2F-Cache-Control"
# A client that polls counts as online only if the chat itself answers it now and then: at least
# twice a minute.
KEPT_SECONDS = 30
# Users go offline as time passes, without an event.
KEPT_SHORTLY_SECONDS = 5


def kept(
    response: Response,
    reader: UserRow | None,
    groups: Iterable[str],
    seconds: int = KEPT_SECONDS,
) -> Response:
    """Let the cache store *response* for requests with the same valid credentials."""
    response.headers.extend(kept_fields(reader, groups, seconds))
    return response


def kept_fields(
    reader: UserRow | None, groups: Iterable[str], seconds: int = KEPT_SECONDS
) -> dict[str, str]:
    """Return the fields that let the cache store a response, as `kept` does."""
    names = list(groups)
    if reader is not None:
        names.append(reader_group(reader.id))
        # An event says that a token is revoked, but none that it has expired.
        seconds = max(0, int(min(seconds, reader.token_expires_at - time.time())))
    return {
        TARGETED_FIELD: f"public, max-age={seconds}",
        "Cache-Groups": ", ".join(f'"{name}"' for name in names),
        "Cache-Control": "no-cache" if reader is None else "private, no-cache",
        "Vary": "Authorization, Cookie",
    }


def kept_json(
    request: Request,
    resource: object,
    reader: UserRow | None,
    groups: Iterable[str],
    seconds: int = KEPT_SECONDS,
) -> Response:
    """Return *resource* as JSON with an ETag, which the cache may store."""
    return tagged(request, kept(json_response(resource), reader, groups, seconds))


def unkept_json(request: Request, resource: object, reader: UserRow | None) -> Response:
    """Return *resource* as JSON with an ETag, for the client alone to keep and to revalidate.

    It changes too often for the cache, or with more than Cache-Groups can name.
    """
    response = json_response(resource)
    response.headers["Cache-Control"] = "no-cache" if reader is None else "private, no-cache"
    add_vary(response, ["Authorization", "Cookie"])
    return tagged(request, response)


def personal(response: Response) -> Response:
    """Mark a page that depends on who asks, and on which form they accept."""
    response.headers["Cache-Control"] = "private, no-cache"
    add_vary(response, ["Accept", "Cookie"])
    return response

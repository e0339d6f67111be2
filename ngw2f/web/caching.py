"""What the cache in front of the chat may keep, and until what happens.

Answers of the API go into it by groups (RFC 9875): `room-ID` for what is in a room,
`rooms`, `users`, and `reader-ID` for what was made for a signed-in user. The event
log drops a group with every event that concerns it (ngw2f/live/groups.py), so a
kept answer is as new as the stream, in every process.

Only our own cache is told to keep them, by a field of its own (RFC 9213); browsers
and proxies get `no-cache` and ask again, with the ETag.
"""

import time
from collections.abc import Iterable

from ngw2f.http import Request, Response, add_vary, json_response, tagged
from ngw2f.live.groups import reader_group
from ngw2f.store.users import UserRow

TARGETED_FIELD = "NGW2F-Cache-Control"
# Who polls is seen (is online) only when the chat itself answers: twice a minute at least.
KEPT_SECONDS = 30
# Who is online changes without an event, as time goes by.
KEPT_SHORTLY_SECONDS = 5


def kept(
    response: Response,
    reader: UserRow | None,
    groups: Iterable[str],
    seconds: int = KEPT_SECONDS,
) -> Response:
    """Let the cache keep *response* for requests with the same credentials, while they are good."""
    names = list(groups)
    if reader is not None:
        names.append(reader_group(reader.id))
        # A token is revoked by an event; it expires without one.
        seconds = max(0, int(min(seconds, reader.token_expires_at - time.time())))
    headers = {
        TARGETED_FIELD: f"public, max-age={seconds}",
        "Cache-Groups": ", ".join(f'"{name}"' for name in names),
        "Cache-Control": "no-cache" if reader is None else "private, no-cache",
        "Vary": "Authorization, Cookie",
    }
    response.headers.extend(headers)
    return response


def kept_json(
    request: Request,
    resource: object,
    reader: UserRow | None,
    groups: Iterable[str],
    seconds: int = KEPT_SECONDS,
) -> Response:
    """Return *resource* as JSON with an ETag, to be kept."""
    return tagged(request, kept(json_response(resource), reader, groups, seconds))


def personal(response: Response) -> Response:
    """Mark a page that depends on who asks, and in which form."""
    response.headers["Cache-Control"] = "private, no-cache"
    add_vary(response, ["Accept", "Cookie"])
    return response

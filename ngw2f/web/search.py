"""Search: `GET /api/search`."""

from collections.abc import Sequence

import msgspec

from ngw2f.actions.search import Hits
from ngw2f.api_resources import Message
from ngw2f.http import Request, Response, add_vary, json_response, link_header, tagged
from ngw2f.store.users import UserRow
from ngw2f.web import auth
from ngw2f.web.paging import DEFAULT_LIMIT, MAX_LIMIT, linked
from ngw2f.web.services import Services


class Found(msgspec.Struct):
    messages: Sequence[Message]


class Asked(msgspec.Struct):
    """What the query of a request asks for."""

    q: str
    room: int | None
    before: int | None
    limit: int

    def older(self, hits: Hits) -> dict[str, object] | None:
        """Return the query for the hits before these, None if there are none."""
        if not (hits.has_more and hits.messages):
            return None
        asked = msgspec.structs.replace(self, before=hits.messages[0].id)
        return {name: value for name, value in msgspec.structs.asdict(asked).items() if value}


def index(services: Services, request: Request) -> Response:
    reader = auth.find_reader(services, request)
    asked = _asked(request)
    hits = _find(services, reader, asked)
    response = json_response(Found(hits.messages))
    # It depends on every room that the reader may see.
    response.headers["Cache-Control"] = "private, no-cache"
    add_vary(response, ["Authorization", "Cookie"])
    older = asked.older(hits)
    link = link_header(request.path, older, "next") if older else None
    return linked(tagged(request, response), link)


def _asked(request: Request) -> Asked:
    """Return what the query asks for. Raises 400."""
    return Asked(
        q=request.text_argument("q"),
        room=request.integer_argument("room", 1),
        before=request.integer_argument("before", 0),
        limit=min(request.integer_argument("limit", 1) or DEFAULT_LIMIT, MAX_LIMIT),
    )


def _find(services: Services, reader: UserRow | None, asked: Asked) -> Hits:
    return services.actions.search.find(
        reader, asked.q, room_id=asked.room, before=asked.before, limit=asked.limit
    )

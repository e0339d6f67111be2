"""Search: `GET /api/search` for programs, and the page `/search` for people.

Programs get the messages in the order of every list of messages, oldest first; people see the
newest first.
"""

from collections.abc import Collection, Sequence
from functools import partial
from html import escape
from urllib.parse import urlencode

import msgspec
from markupsafe import Markup

from ngw2f.actions.search import Hits
from ngw2f.api_resources import Message
from ngw2f.errors import DomainError, Invalid, NotFound, Unauthenticated
from ngw2f.http import Request, Response, add_vary, json_response, link_header, tagged
from ngw2f.store.quotes import Quote, quotes_of
from ngw2f.store.users import UserRow
from ngw2f.text.found_words import mark_words
from ngw2f.text.search_query import Phrase
from ngw2f.web import auth
from ngw2f.web.caching import personal
from ngw2f.web.errors import http_error
from ngw2f.web.paging import DEFAULT_LIMIT, MAX_LIMIT, linked
from ngw2f.web.services import Services
from ngw2f.web.sign_in import sign_in_form
from ngw2f.web.templates import PAGE_FORMS


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
    hits = _find(services, reader, asked, with_names=False)
    response = json_response(Found(hits.messages))
    # It depends on every room that the reader may see.
    response.headers["Cache-Control"] = "private, no-cache"
    add_vary(response, ["Authorization", "Cookie"])
    older = asked.older(hits)
    link = link_header(request.path, older, "next") if older else None
    return linked(tagged(request, response), link)


def show(services: Services, request: Request) -> Response:
    """Answer with a page of hits; with the form alone if nothing is asked for."""
    try:
        reader = auth.find_reader(services, request)
    except Unauthenticated as error:
        return sign_in_form(services, request, error.sentence, 401)
    asked = _asked(request)
    hits, refusal = None, None
    if asked.q.strip():
        try:
            hits = _find(services, reader, asked, with_names=True)
        except (Invalid, NotFound) as error:
            refusal = error
    return tagged(request, _page(services, request, reader, asked, hits, refusal))


def _page(
    services: Services,
    request: Request,
    reader: UserRow | None,
    asked: Asked,
    hits: Hits | None,
    refusal: DomainError | None,
) -> Response:
    is_page = request.preferred("text", PAGE_FORMS) == "html"
    older = asked.older(hits) if hits else None
    values: dict[str, object] = {
        "asked": asked,
        "hits": hits,
        "messages": [_marked(each, hits) for each in reversed(hits.messages)] if hits else [],
        "marked": partial(marked_name, hits.phrases if hits else ()),
        "quotes": _quotes_of(services, hits) if hits and is_page else {},
        "older": f"/search?{urlencode(older)}" if older else None,
        "detail": refusal.sentence if refusal else "",
        "reader": reader,
        "base_url": request.host_url,
    }
    name = "search.html" if is_page else "search.txt"
    response = personal(services.templates.page(request, name, values))
    if refusal:
        response.status_code = http_error(refusal).code or 400
    return response


def _quotes_of(services: Services, hits: Hits) -> dict[int, Quote]:
    with services.core.database.asking() as connection:
        return quotes_of(connection, hits.messages)


def _marked(message: Message, hits: Hits) -> Message:
    return msgspec.structs.replace(message, html=mark_words(message.html, hits.phrases))


def marked_name(phrases: Collection[Phrase], name: str) -> Markup:
    """Return a file's name with what was found in it, "" if nothing was."""
    plain = escape(name, quote=False)
    marked = mark_words(plain, phrases)
    return Markup(marked if marked != plain else "")  # noqa: S704 # It is escaped.


def _asked(request: Request) -> Asked:
    """Return what the query asks for. Raises 400."""
    return Asked(
        q=request.text_argument("q"),
        room=request.integer_argument("room", 1),
        before=request.integer_argument("before", 0),
        limit=min(request.integer_argument("limit", 1) or DEFAULT_LIMIT, MAX_LIMIT),
    )


def _find(services: Services, reader: UserRow | None, asked: Asked, *, with_names: bool) -> Hits:
    return services.actions.search.find(
        reader,
        asked.q,
        room_id=asked.room,
        before=asked.before,
        limit=asked.limit,
        with_names=with_names,
    )

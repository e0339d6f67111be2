"""The inbox: what mentions the account, by the API and as a page."""

import msgspec

from ngw2f.api_resources import MAX_ID, Mention
from ngw2f.errors import Unauthenticated
from ngw2f.http import Request, Response, link_header, tagged
from ngw2f.store import users
from ngw2f.store.quotes import quotes_of
from ngw2f.store.users import UserRow
from ngw2f.web import auth
from ngw2f.web.caching import personal, unkept_json
from ngw2f.web.paging import DEFAULT_LIMIT, MAX_LIMIT, linked
from ngw2f.web.services import Services
from ngw2f.web.sign_in import sign_in_form


class Inbox(msgspec.Struct):
    mentions: list[Mention]


class Part(msgspec.Struct):
    """A part of an inbox, and where the next one begins, with what is older."""

    mentions: list[Mention]
    limit: int
    next_before: int | None


def index(services: Services, request: Request) -> Response:
    user = auth.require_user(services, request)
    part = _find(services, request, user)
    response = unkept_json(request, Inbox(part.mentions), user)
    if part.next_before is None:
        return response
    older = {"before": part.next_before, "limit": part.limit}
    return linked(response, link_header(request.path, older, "next"))


def show(services: Services, request: Request) -> Response:
    try:
        user = auth.require_user(services, request)
    except Unauthenticated as error:
        return sign_in_form(services, request, error.sentence, 401)
    part = _find(services, request, user)
    with services.core.database.reading() as connection:
        authors = {each.message.user_id for each in part.mentions}
        nicknames = users.nicknames_of(connection, authors)
        quotes = quotes_of(connection, [each.message for each in part.mentions])
    values = {"reader": user, "part": part, "nicknames": nicknames, "quotes": quotes}
    return tagged(request, personal(services.templates.page(request, "inbox.html", values)))


def _find(services: Services, request: Request, user: UserRow) -> Part:
    before = request.integer_argument("before", 0)
    limit = min(request.integer_argument("limit", 1) or DEFAULT_LIMIT, MAX_LIMIT)
    found = services.actions.readings.list_mentions(
        user, MAX_ID if before is None else before, limit + 1
    )
    shown = found[:limit]
    return Part(shown, limit, shown[-1].message.id if len(found) > limit else None)

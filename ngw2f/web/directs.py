"""Direct messages, by the API and as a page."""

from typing import Annotated

import msgspec
from msgspec import Meta

from ngw2f.actions.directs import MAX_PEOPLE
from ngw2f.api_resources import MAX_ID
from ngw2f.errors import Conflict, Invalid, NotFound, TooMany, Unauthenticated
from ngw2f.http import Request, Response, json_response, see_other
from ngw2f.store.users import UserRow
from ngw2f.web import auth
from ngw2f.web.caching import personal
from ngw2f.web.pages import EMPTY, Draft
from ngw2f.web.services import Services
from ngw2f.web.sign_in import sign_in_form

UserId = Annotated[int, Meta(ge=1, le=MAX_ID)]


class NewDirect(msgspec.Struct):
    """Who is to read it beside the account itself."""

    user_ids: Annotated[list[UserId], Meta(min_length=1, max_length=MAX_PEOPLE - 1)]


def create(services: Services, request: Request) -> Response:
    """Answer with the room of these people: 201 if it is new, else 200."""
    user = auth.require_user(services, request)
    body = request.json_body(NewDirect)
    room, is_new = services.actions.directs.open(user, body.user_ids)
    response = json_response(room, 201 if is_new else 200)
    response.headers["Location"] = room.links.self
    return response


def show(services: Services, request: Request) -> Response:
    try:
        user = auth.require_user(services, request)
    except Unauthenticated as error:
        return sign_in_form(services, request, error.sentence, 401)
    return _page(services, request, user)


def open_by_form(services: Services, request: Request) -> Response:
    """Go to the room of the people whose nicknames were typed."""
    user = auth.require_user(services, request)
    typed = request.form_field("nicknames").strip()
    try:
        return see_other(services.actions.directs.open_named(user, typed).room.links.page)
    except (Invalid, NotFound, TooMany, Conflict) as error:
        if request.preferred("text") != "html":
            raise
        return _page(services, request, user, Draft(typed, error))


def _page(services: Services, request: Request, user: UserRow, draft: Draft = EMPTY) -> Response:
    values = {"reader": user, "draft": draft}
    return draft.answered(personal(services.templates.page(request, "direct.html", values)))

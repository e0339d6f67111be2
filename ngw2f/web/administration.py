"""Administration by the API."""

from typing import Annotated

import msgspec
from msgspec import Meta

from ngw2f.actions.administration import INVITATION_DAYS, MAX_INVITATION_DAYS
from ngw2f.api_resources import MAX_ID, AuditEntry
from ngw2f.http import Request, Response, json_response, link_header, no_content
from ngw2f.store.registration import Mode
from ngw2f.web import auth
from ngw2f.web.caching import unkept_json
from ngw2f.web.paging import DEFAULT_LIMIT, MAX_LIMIT, linked
from ngw2f.web.services import Services


class Registration(msgspec.Struct):
    """Who may register."""

    mode: Mode


class NewInvitation(msgspec.Struct):
    days: Annotated[float, Meta(gt=0, le=MAX_INVITATION_DAYS)] = INVITATION_DAYS


class Invitation(msgspec.Struct):
    id: int
    created_by: str
    created_at: float
    expires_at: float
    # How many accounts were registered by it.
    uses: int


class MadeInvitation(msgspec.Struct):
    """A new invitation; its code and its link are shown only now."""

    id: int
    code: str
    # The page that it opens.
    link: str
    expires_at: float


class Invitations(msgspec.Struct):
    invitations: list[Invitation]


class Log(msgspec.Struct):
    entries: list[AuditEntry]


def show_registration(services: Services, request: Request) -> Response:
    return unkept_json(request, Registration(services.actions.administration.find_mode()), None)


def change_registration(services: Services, request: Request) -> Response:
    user = auth.require_user(services, request)
    body = request.json_body(Registration)
    services.actions.administration.set_mode(user, body.mode)
    return no_content()


def list_invitations(services: Services, request: Request) -> Response:
    user = auth.require_user(services, request)
    rows = services.actions.administration.list_invitations(user)
    return unkept_json(request, Invitations([Invitation(*row) for row in rows]), user)


def invite(services: Services, request: Request) -> Response:
    user = auth.require_user(services, request)
    body = request.json_body(NewInvitation)
    made = services.actions.administration.invite(user, body.days)
    link = f"{request.host_url}join/{made.code}"
    response = json_response(MadeInvitation(made.id, made.code, link, made.expires_at), 201)
    response.headers["Cache-Control"] = "no-store"
    return response


def revoke_invitation(services: Services, request: Request, invitation_id: int) -> Response:
    user = auth.require_user(services, request)
    services.actions.administration.revoke_invitation(user, invitation_id)
    return no_content()


def suspend(services: Services, request: Request, user_id: int) -> Response:
    services.actions.administration.suspend(auth.require_user(services, request), user_id)
    return no_content()


def lift_suspension(services: Services, request: Request, user_id: int) -> Response:
    services.actions.administration.lift_suspension(auth.require_user(services, request), user_id)
    return no_content()


def appoint(services: Services, request: Request, user_id: int) -> Response:
    services.actions.administration.appoint(auth.require_user(services, request), user_id)
    return no_content()


def dismiss(services: Services, request: Request, user_id: int) -> Response:
    services.actions.administration.dismiss(auth.require_user(services, request), user_id)
    return no_content()


def show_log(services: Services, request: Request) -> Response:
    user = auth.require_user(services, request)
    before, limit = part_of_log(request)
    found = services.actions.administration.list_log(user, before=before, limit=limit + 1)
    shown = list(found[:limit])
    response = unkept_json(request, Log(shown), user)
    if len(found) == len(shown):
        return response
    older = {"before": shown[-1].id, "limit": limit}
    return linked(response, link_header(request.path, older, "next"))


def part_of_log(request: Request) -> tuple[int, int]:
    """Return before which entry the part of the log ends, and how long it is. Raises 400."""
    before = request.integer_argument("before", 0)
    limit = min(request.integer_argument("limit", 1) or DEFAULT_LIMIT, MAX_LIMIT)
    return MAX_ID if before is None else before, limit

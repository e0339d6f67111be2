"""One-use tickets, for a browser's `EventSource` and `WebSocket`."""

import msgspec

from ngw2f.actions.tickets import TICKET_SECONDS
from ngw2f.http import Request, Response, json_response
from ngw2f.web import auth
from ngw2f.web.services import Services


class Ticket(msgspec.Struct):
    ticket: str
    # In seconds.
    expires_in: int = TICKET_SECONDS


def create(services: Services, request: Request) -> Response:
    user = auth.require_user(services, request)
    response = json_response(Ticket(services.actions.tickets.create(user)))
    response.headers["Cache-Control"] = "no-store"
    return response

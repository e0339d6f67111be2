"""What a request chooses to hear (ngw2f/live/choice.py), for every transport."""

from ngw2f.http import Request
from ngw2f.live.choice import Choice, parse_choice
from ngw2f.store.users import UserRow
from ngw2f.web.services import Services


def choice_of(services: Services, request: Request, reader: UserRow | None) -> Choice:
    """Return what the query chooses. Raises 400, Invalid; NotFound for a room one may not read."""
    choice = parse_choice(request.args.getlist("rooms"), request.args.getlist("events"))
    services.actions.rooms.check_readable(reader, choice.rooms or ())
    return choice

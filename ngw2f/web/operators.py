"""Who may see how the server is: its counts, and what its parts say of their failures."""

import hmac

from middleware.forwarded import may_be_forwarded, parse_address
from ngw2f.http import Request
from ngw2f.web.auth import token_of
from ngw2f.web.services import Services


def is_operator(services: Services, request: Request) -> bool:
    """Say whether who asks bears the token, or where there is none, is on this machine.

    Whoever opens our Unix socket, or is at a loopback address, is on this machine. The
    address is the client's own: what a trusted proxy says of it. With a proxy in between
    that is not trusted, everybody would seem to be here.
    """
    token = services.core.settings.metrics_token
    if token:
        return hmac.compare_digest((token_of(request) or "").encode(), token.encode())
    if may_be_forwarded(request.environ):
        return False
    address = parse_address(request.remote_addr or "")
    return not request.remote_addr or (address is not None and address.is_loopback)

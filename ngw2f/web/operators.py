"""Who may see metrics and the details of failures."""

import hmac

from middleware.forwarded import may_be_forwarded, parse_address
from ngw2f.http import Request
from ngw2f.web.auth import token_of
from ngw2f.web.services import Services


def is_operator(services: Services, request: Request) -> bool:
    """Return whether a request has the metrics token or, if none is set, is from this machine.

    It is from this machine if it comes over our Unix socket or from a loopback address. The address
    is the client's, as a trusted proxy reports it. Behind a proxy that is not trusted, every
    request would seem to be from this machine.
    """
    token = services.core.settings.metrics_token
    if token:
        return hmac.compare_digest((token_of(request) or "").encode(), token.encode())
    if may_be_forwarded(request.environ):
        return False
    address = parse_address(request.remote_addr or "")
    return not request.remote_addr or (address is not None and address.is_loopback)

"""Tickets: each opens one stream or WebSocket, where a browser cannot send `Authorization`.

A ticket stands in a URL, which others may log or show. So it works once, for some seconds, and only
as long as the token for which it was made. Redis has its digest, and that of the token.
"""

import hashlib
import secrets

from ngw2f.actions.sessions import Sessions
from ngw2f.broker.limits import RETRY_AFTER_SECONDS, Limits
from ngw2f.core import Core
from ngw2f.errors import Unauthenticated, Unavailable
from ngw2f.store.users import UserRow

TICKET_BYTES = 32
# From the answer that has the ticket to the request that bears it.
TICKET_SECONDS = 30


class Tickets:
    def __init__(self, core: Core, limits: Limits, sessions: Sessions) -> None:
        self._broker = core.broker
        self._limits = limits
        self._sessions = sessions

    def create(self, user: UserRow) -> str:
        """Return a ticket for the token by which the user was found.

        Raises TooMany, Unavailable.
        """
        self._limits.take("ticket", user.id)
        ticket = secrets.token_urlsafe(TICKET_BYTES)
        key, digest = self._key(ticket), user.token_digest
        if not self._broker.attempt(lambda redis: redis.set(key, digest, ex=TICKET_SECONDS), None):
            raise _unavailable()
        return ticket

    def use(self, ticket: str) -> UserRow:
        """Return whose ticket this is, note that the user is here, and make it void.

        Raises Unauthenticated, Unavailable.
        """
        key = self._key(ticket)
        # One command, so that of two requests, wherever they arrive, one gets nothing.
        found = self._broker.attempt(lambda redis: (redis.getdel(key),), None)
        if found is None:
            raise _unavailable()
        (digest,) = found
        user = self._sessions.find_user_of(digest) if isinstance(digest, bytes) else None
        if user is None:
            raise Unauthenticated(
                "the ticket is unknown, used or expired, or its token was revoked: "
                "get another one by POST /api/tickets"
            )
        self._sessions.be_present(user)
        return user

    def _key(self, ticket: str) -> str:
        digest = hashlib.sha256(ticket.encode(errors="replace")).hexdigest()
        return self._broker.key(f"ticket:{digest}")


def _unavailable() -> Unavailable:
    return Unavailable("tickets cannot be used right now", retry_after=RETRY_AFTER_SECONDS)

"""Errors of the domain: why something cannot be done, or not now, in words for users.

Modules below `ngw2f/web/` raise these; `web/errors.py` gives each its HTTP status, for WebSocket
and Socket.IO, too.
"""

from ngw2f.sentences import Sentence


class DomainError(Exception):
    """Nothing was changed; `detail` says why. `retry_after` is in seconds, if waiting helps.

    `sentence` is the same where it is shown to people, who may read another language.
    """

    def __init__(self, detail: str | Sentence, *, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.sentence = detail
        self.detail = str(detail)
        self.retry_after = retry_after


class Invalid(DomainError):
    """What was sent cannot be stored as it is."""


class Unauthenticated(DomainError):
    """Nobody is signed in, or the session has ended."""


class Forbidden(DomainError):
    """The account may not do this."""


class NotFound(DomainError):
    """It does not exist, or the account may not see it."""


class Conflict(DomainError):
    """It conflicts with what already exists."""


class Gone(DomainError):
    """It existed and was deleted."""


class KeyReused(DomainError):
    """The idempotency key was used for something else."""


class TooMany(DomainError):
    """A limit is reached; `policy` names it, where clients know it by a name."""

    def __init__(
        self, detail: str | Sentence, *, retry_after: int, policy: str | None = None
    ) -> None:
        super().__init__(detail, retry_after=retry_after)
        self.policy = policy


class TooLarge(DomainError):
    """It is larger than is allowed, or than there is room for."""


class Unavailable(DomainError):
    """What it needs cannot be reached, or has no room."""

"""Errors of the domain: why something may not be done, or not now, in words that a user can read.

Whatever is below `ngw2f/web/` raises these. `web/errors.py` gives each its HTTP status, also for
WebSocket and Socket.IO.
"""


class DomainError(Exception):
    """Nothing was changed; `detail` says why. `retry_after` is in seconds, if waiting helps."""

    def __init__(self, detail: str, *, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after


class Invalid(DomainError):
    """What was sent cannot be stored as it is."""


class Unauthenticated(DomainError):
    """Nobody is signed in, or no longer."""


class Forbidden(DomainError):
    """The account may not do this."""


class NotFound(DomainError):
    """It is not there, or the account may not see it."""


class Conflict(DomainError):
    """What is there already does not allow it."""


class Gone(DomainError):
    """It was there, and is deleted."""


class KeyReused(DomainError):
    """The idempotency key was used for something else."""


class TooMany(DomainError):
    """A limit is reached; `policy` names it, where clients know it by a name."""

    def __init__(self, detail: str, *, retry_after: int, policy: str | None = None) -> None:
        super().__init__(detail, retry_after=retry_after)
        self.policy = policy


class Unavailable(DomainError):
    """What it needs cannot be reached, or has no room."""

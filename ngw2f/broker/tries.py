"""How often a wrong password may be tried at one account, counted in Redis over all processes.

What one address tries is counted for it alone, so strangers lock nobody out; and the account
has a wide bound over all addresses, so that many of them are not let guess for ever. A browser
that has signed in before has a count of its own, which that bound does not touch. What is right
is not counted.
"""

import hashlib
import math
import time
from typing import NamedTuple

from limits import RateLimitItem, parse

from ngw2f.broker.connection import Broker
from ngw2f.broker.limits import RETRY_AFTER_SECONDS, build_limiter
from ngw2f.errors import TooMany, Unavailable

# By one address, or one known browser: enough for a forgetful person, too few to guess with.
BY_ONE = "20/minute"
# By all that are not known: 7,200 a day, which a password of some length bears.
BY_ALL = "300/hour"


class Guesser(NamedTuple):
    """Who tries a password: by address, or as a browser that its owner has used."""

    key: str
    is_known: bool = False


class WrongTries:
    """Count the wrong passwords at an account.

    While Redis is away nobody is let in: a limit that can be switched off by a
    flood is none.
    """

    def __init__(self, broker: Broker, by_one: str = BY_ONE, by_all: str = BY_ALL) -> None:
        self._broker = broker
        self._limiter = build_limiter(broker)
        self._by_one, self._by_all = parse(by_one), parse(by_all)

    def check(self, account: str, guesser: Guesser) -> None:
        """Raise TooMany if there were too many, Unavailable while Redis is unreachable."""
        for limit, *identifiers in self._counts(account, guesser):
            if not self._ask(limit, identifiers, is_one_more=False):
                seconds = self._seconds_until_reset(limit, identifiers)
                raise TooMany(
                    f"too many wrong passwords; try again in {seconds} s", retry_after=seconds
                )

    def count(self, account: str, guesser: Guesser) -> None:
        """Count a wrong one. Raises Unavailable."""
        for limit, *identifiers in self._counts(account, guesser):
            self._ask(limit, identifiers, is_one_more=True)

    def _counts(self, account: str, guesser: Guesser) -> list[tuple[RateLimitItem, str, str, str]]:
        # A nickname may have what separates the parts of a key.
        digest = hashlib.sha256(account.encode()).hexdigest()
        own = (self._by_one, "wrong", digest, guesser.key)
        return [own] if guesser.is_known else [own, (self._by_all, "wrong", digest, "all")]

    def _ask(self, limit: RateLimitItem, identifiers: list[str], *, is_one_more: bool) -> bool:
        ask = self._limiter.hit if is_one_more else self._limiter.test
        is_allowed = self._broker.attempt(lambda _redis: ask(limit, *identifiers), None)
        if is_allowed is None:
            raise Unavailable(
                "signing in is not possible right now", retry_after=RETRY_AFTER_SECONDS
            )
        return is_allowed

    def _seconds_until_reset(self, limit: RateLimitItem, identifiers: list[str]) -> int:
        window = self._broker.attempt(
            lambda _redis: self._limiter.get_window_stats(limit, *identifiers), None
        )
        seconds = window.reset_time - time.time() if window else limit.get_expiry()
        return max(1, math.ceil(seconds))

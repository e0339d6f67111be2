"""Limit the wrong passwords at one account, counted in Redis over all processes.

Each address has its own count, so that strangers cannot lock the owner out. The account also has
a wide limit over all addresses, so that many of them cannot guess for ever. A browser that has
signed in before has its own count, and is not subject to the wide limit. Right passwords are not
counted.
"""

import hashlib
import math
import time
from typing import NamedTuple

from limits import RateLimitItem, parse

from ngw2f.broker.connection import Broker
from ngw2f.broker.limits import RETRY_AFTER_SECONDS, build_limiter
from ngw2f.errors import TooMany, Unavailable
from ngw2f.sentences import Sentence

# For one address, or one known browser: enough for a forgetful person, too few for guessing.
BY_ONE = "20/minute"
# For all that are not known together: 7,200 a day, too few to find a password of some length.
BY_ALL = "300/hour"


class Guesser(NamedTuple):
    """Who tries a password: an address, or a browser that the owner has used."""

    key: str
    is_known: bool = False


class WrongTries:
    """Count the wrong passwords at each account.

    While Redis is unreachable nobody can sign in: otherwise a flood could switch the limit off.
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
                    Sentence(
                        "too many wrong passwords; try again in %(seconds)d s", seconds=seconds
                    ),
                    retry_after=seconds,
                )

    def count(self, account: str, guesser: Guesser) -> None:
        """Count a wrong password. Raises Unavailable."""
        for limit, *identifiers in self._counts(account, guesser):
            self._ask(limit, identifiers, is_one_more=True)

    def _counts(self, account: str, guesser: Guesser) -> list[tuple[RateLimitItem, str, str, str]]:
        # A nickname may contain the character that separates the parts of a key.
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

"""How often one may do something, counted in Redis over all processes.

What an account does is counted where it is done (ngw2f/actions/), so it is one count whatever
token, path or transport it came by. What is counted for an address before anybody knows who
asks stands in the chain (app.py).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, NamedTuple

from limits import parse
from limits.storage import RedisStorage
from limits.strategies import RateLimiter, SlidingWindowCounterRateLimiter

from middleware.rate_limit import Limiter, Policy, RateRule, Taken
from ngw2f.broker.connection import Broker
from ngw2f.errors import TooMany, Unavailable

# Tries to sign in, from one address. People behind one address share it, so it is generous.
SIGN_INS = "60/minute"
RETRY_AFTER_SECONDS = 10

WRITES = ("POST", "PUT", "DELETE")
Write = Literal[
    "post", "edit", "delete", "typing", "room", "membership", "account", "token", "revoke",
    "register", "sign-in",
]  # fmt: skip


class Rule(NamedTuple):
    """One kind of write, how much of it there may be, and how a refusal calls it.

    While Redis is unreachable nothing is limited, or, if the rule `is_closed`, nothing is done.
    """

    name: Write
    limit: str
    what: str
    is_closed: bool = False


# Each is for one account, but the last two, which are for one address.
RULES = (
    Rule("post", "600/minute", "messages"),
    # A worker renders an edited message again.
    Rule("edit", "300/minute", "edits"),
    Rule("delete", "300/minute", "deletions"),
    # A page sends 15.
    Rule("typing", "120/minute", "notices that you are writing"),
    # Every reader is told of a new room, and of a new nickname.
    Rule("room", "30/minute", "new rooms"),
    Rule("membership", "120/minute", "changes of members"),
    Rule("account", "20/minute", "changes of nickname or password"),
    Rule("token", "60/minute", "tokens and sessions"),
    # Apart, so that one who made too many tokens can give them up.
    Rule("revoke", "60/minute", "tokens and sessions given up"),
    # Each costs a password's hash. People behind one address share it.
    Rule("register", "60/minute", "registrations", is_closed=True),
    # The chain counts the same, under this name, but for browsers that it lets pass.
    Rule("sign-in", SIGN_INS, "tries to sign in", is_closed=True),
)

# What the current request was counted under; None outside of a request.
_counted: ContextVar[list[Taken] | None] = ContextVar("counted", default=None)


@contextmanager
def counting() -> Iterator[Sequence[Taken]]:
    """Collect what the block's request is counted under, for the fields of its response."""
    taken: list[Taken] = []
    token = _counted.set(taken)
    try:
        yield taken
    finally:
        _counted.reset(token)


def build_limiter(broker: Broker) -> RateLimiter:
    """Return the limiter, which raises RedisError while Redis is unreachable."""
    pool = broker.redis.connection_pool
    storage = RedisStorage("redis://", connection_pool=pool, key_prefix=broker.key("limits"))
    return SlidingWindowCounterRateLimiter(storage)


class Limits:
    """Count what accounts do, by the rules above."""

    def __init__(
        self, broker: Broker, rules: Sequence[Rule] = RULES, *, is_on: bool = True
    ) -> None:
        self._broker = broker
        self._limiter: Limiter = build_limiter(broker)
        self._is_on = is_on
        self._rules = {rule.name: (rule, _policy_of(rule)) for rule in rules}

    def take(self, write: Write, who: int | str) -> None:
        """Count one write of an account's id, or of an address.

        Raises TooMany, and Unavailable under a rule that is closed.
        """
        if not self._is_on:
            return
        rule, policy = self._rules[write]
        counted = _counted.get()
        # A response says how much is left, which takes one more round trip.
        taken = self._broker.attempt(
            lambda _redis: self._count(policy, str(who), asks=counted is not None), None
        )
        if taken is None:
            if rule.is_closed:
                raise Unavailable("this is not possible right now", retry_after=RETRY_AFTER_SECONDS)
            return
        if counted is not None:
            counted.append(taken)
        if not taken.is_allowed:
            seconds = taken.retry_seconds
            detail = f"too many {rule.what}; try again in {seconds} s"
            raise TooMany(detail, retry_after=seconds, policy=rule.name)

    def _count(self, policy: Policy, who: str, *, asks: bool) -> Taken:
        limit, name = policy.rule.limit, policy.rule.name
        is_allowed = self._limiter.hit(limit, name, who)
        if is_allowed and not asks:
            return Taken(policy, is_allowed, 0, 0)
        window = self._limiter.get_window_stats(limit, name, who)
        return Taken.of(policy, window, is_allowed=is_allowed)


def _policy_of(rule: Rule) -> Policy:
    """Return a rule as the middleware needs it for its fields."""
    return Policy(RateRule(rule.name, parse(rule.limit), WRITES))

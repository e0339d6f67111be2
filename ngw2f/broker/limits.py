"""How often one may do something, counted in Redis over all processes.

What an account does is counted where it is done (ngw2f/actions/), so it is one count whatever
token, path or transport it came by. What is counted for an address before anybody knows who
asks stands in the chain (app.py).
"""

from collections.abc import Sequence
from contextvars import ContextVar, Token
from typing import Literal, NamedTuple, cast

from limits import RateLimitItem, WindowStats, parse
from limits.storage import RedisStorage
from limits.strategies import RateLimiter, SlidingWindowCounterRateLimiter
from redis.commands.core import Script

from middleware.rate_limit import Policy, RateRule, Taken
from ngw2f.broker.connection import Broker
from ngw2f.errors import TooMany, Unavailable
from ngw2f.sentences import Sentence
from ngw2f.together import Together, Waiting

# Tries to sign in, from one address. People behind one address share it, so it is generous.
SIGN_INS = "60/minute"
RETRY_AFTER_SECONDS = 10

WRITES = ("POST", "PUT", "DELETE")
Write = Literal[
    "post", "edit", "delete", "typing", "room", "membership", "account", "token", "revoke",
    "ticket", "read", "react", "export", "upload", "administer",
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
    # Every reader is told of a new or changed room, and of a new nickname.
    Rule("room", "30/minute", "new rooms and changes of rooms"),
    Rule("membership", "120/minute", "changes of members"),
    Rule("account", "20/minute", "changes of nickname or password"),
    Rule("token", "60/minute", "tokens and sessions"),
    # Apart, so that one who made too many tokens can give them up.
    Rule("revoke", "60/minute", "tokens and sessions given up"),
    # One for each time that a browser opens a stream.
    Rule("ticket", "120/minute", "tickets"),
    # A page sends 10.
    Rule("read", "300/minute", "notices of what you have read"),
    # Everybody in the room is told.
    Rule("react", "300/minute", "reactions"),
    # Each takes a connection for as long as it comes.
    Rule("upload", "120/minute", "files"),
    # Each reads all that somebody wrote.
    Rule("export", "6/minute", "exports"),
    Rule("administer", "120/minute", "changes by an administrator"),
    # Each costs a password's hash. People behind one address share it.
    Rule("register", "60/minute", "registrations", is_closed=True),
    # The chain counts the same, under this name, but for browsers that it lets pass.
    Rule("sign-in", SIGN_INS, "tries to sign in", is_closed=True),
)

# The library's two scripts for any number of hits in one round trip: count each, and return its
# window as it is then. Each hit has two keys, and two arguments: the limit and its seconds.
COUNT = f"""
local function count(KEYS, ARGV) {RedisStorage.SCRIPT_ACQUIRE_SLIDING_WINDOW.decode()} end
local function window(KEYS, ARGV) {RedisStorage.SCRIPT_SLIDING_WINDOW.decode()} end
local found = {{}}
for i = 1, #KEYS, 2 do
  local keys = {{KEYS[i], KEYS[i + 1]}}
  local is_allowed = count(keys, {{ARGV[i], ARGV[i + 1], 1}}) and 1 or 0
  table.insert(found, {{is_allowed, unpack(window(keys, {{ARGV[i + 1]}}))}})
end
return found
"""

# What the current request was counted under; None outside of a request.
_counted: ContextVar[list[Taken] | None] = ContextVar("counted", default=None)


class counting:  # noqa: N801 # used like a function
    """Collect what the block's request is counted under, for the fields of its response."""

    __slots__ = ("_token",)

    def __enter__(self) -> Sequence[Taken]:
        taken: list[Taken] = []
        self._token: Token[list[Taken] | None] = _counted.set(taken)
        return taken

    def __exit__(self, *_: object) -> None:
        _counted.reset(self._token)


class _Storage(RedisStorage):
    """The library's storage, without Valkey's client, which it loads wherever it is installed."""

    DEPENDENCIES = {"redis": RedisStorage.DEPENDENCIES["redis"]}  # noqa: RUF012 # the library's


class _Seen(RedisStorage):
    """A storage that knows one window, for the library to work out what it means."""

    def __init__(self) -> None:
        self.see(0, 0, 0, 0)

    def see(self, previous: int, previous_ms: int, current: int, current_ms: int) -> None:
        self._window = previous, max(0, previous_ms) / 1000, current, max(0, current_ms) / 1000

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        return self._window


class Hit(NamedTuple):
    """Something to count: under which limit, of which rule, and whose it is."""

    limit: RateLimitItem
    rule: str
    who: str


Counted = tuple[bool, WindowStats]


class QuickLimiter(SlidingWindowCounterRateLimiter):
    """A limiter that counts hits and reads windows in one script; it may raise RedisError."""

    def __init__(self, broker: Broker) -> None:
        pool = broker.redis.connection_pool
        prefix = broker.key("limits")
        self._storage = _Storage("redis://", connection_pool=pool, key_prefix=prefix)
        super().__init__(self._storage)
        broker.clients.append(self._storage.storage)
        self._count: Script = broker.redis.register_script(COUNT)
        self._seen = _Seen()
        self._stats = SlidingWindowCounterRateLimiter(self._seen)

    def count(self, hits: Sequence[Hit]) -> list[Counted]:
        """Count hits; return for each whether it is allowed, and the window after it."""
        storage = self._storage
        keys: list[str] = []
        arguments: list[int] = []
        for limit, *identifiers in hits:
            key = limit.key_for(*identifiers)
            windows = storage._previous_window_key(key), storage._current_window_key(key)
            keys += map(storage.prefixed_key, windows)
            arguments += [limit.amount, limit.get_expiry()]
        counted = self._count(keys, arguments)
        return [self._read(hit, *found) for hit, found in zip(hits, counted, strict=True)]

    def _read(self, hit: Hit, is_allowed: int, *window: bytes | None) -> Counted:
        self._seen.see(*(int(each or 0) for each in window))
        return bool(is_allowed), self._stats.get_window_stats(*hit)


class _Hits(Together[Hit, Counted | None]):
    """Count at once what is to be counted at the same time; None while Redis is unreachable."""

    def __init__(self, broker: Broker, limiter: QuickLimiter) -> None:
        super().__init__()
        self._broker = broker
        self._limiter = limiter

    def _act(self, group: list[Waiting[Hit, Counted | None]]) -> None:
        group += self._take()
        hits = [each.item for each in group]
        counted = self._broker.attempt(lambda _redis: self._limiter.count(hits), None)
        for number, each in enumerate(group):
            each.result = counted[number] if counted else None


def build_limiter(broker: Broker) -> RateLimiter:
    """Return the limiter for the chain."""
    return QuickLimiter(broker)


class Limits:
    """Count what accounts do, by the rules above."""

    def __init__(
        self, broker: Broker, rules: Sequence[Rule] = RULES, *, is_on: bool = True
    ) -> None:
        self._limiter = QuickLimiter(broker)
        self._hits = _Hits(broker, self._limiter)
        self._is_on = is_on
        self._rules = {rule.name: (rule, _policy_of(rule)) for rule in rules}

    def take(self, write: Write, who: int | str) -> None:
        """Count one write of an account's id, or of an address.

        Raises TooMany, and Unavailable under a rule that is closed.
        """
        if not self._is_on:
            return
        rule, policy = self._rules[write]
        # Made by `_policy_of`; the middleware would take any object.
        found = self._hits.ask(Hit(cast(RateLimitItem, policy.rule.limit), rule.name, str(who)))
        if found is None:
            if rule.is_closed:
                raise Unavailable("this is not possible right now", retry_after=RETRY_AFTER_SECONDS)
            return
        is_allowed, window = found
        taken = Taken.of(policy, window, is_allowed=is_allowed)
        counted = _counted.get()
        if counted is not None:
            counted.append(taken)
        if not taken.is_allowed:
            seconds = taken.retry_seconds
            what = Sentence(rule.what)
            detail = Sentence(
                "too many %(what)s; try again in %(seconds)d s", what=what, seconds=seconds
            )
            raise TooMany(detail, retry_after=seconds, policy=rule.name)


def _policy_of(rule: Rule) -> Policy:
    """Return a rule as the middleware needs it for its fields."""
    return Policy(RateRule(rule.name, parse(rule.limit), WRITES))

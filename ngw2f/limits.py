"""How often one may do something, counted in Redis over all processes."""

from limits import RateLimitItem, parse
from limits.storage import RedisStorage
from limits.strategies import RateLimiter, SlidingWindowCounterRateLimiter
from werkzeug.exceptions import ServiceUnavailable, TooManyRequests

from ngw2f.broker import Broker

# From one address. People behind one address share it, so it is generous.
SIGN_INS = "60/minute"
REGISTRATIONS = "60/minute"
# By one account, or from one address without one.
POSTS = "600/minute"
# At one account, from wherever: enough for a forgetful person, too few to guess with.
SIGN_INS_AT_ACCOUNT = "20/minute"
RETRY_AFTER_SECONDS = 10


def build_limiter(broker: Broker) -> RateLimiter:
    """Return what counts; it fails with RedisError while Redis is away."""
    pool = broker.redis.connection_pool
    storage = RedisStorage("redis://", connection_pool=pool, key_prefix=broker.key("limits"))
    return SlidingWindowCounterRateLimiter(storage)


class SignInLimit:
    """Limit the tries at one account, whose name is in the form and not in the address.

    While Redis is away nobody is let in: a limit that can be switched off by a
    flood is none.
    """

    def __init__(self, broker: Broker, limit: str = SIGN_INS_AT_ACCOUNT) -> None:
        self._broker = broker
        self._limiter = build_limiter(broker)
        self._limit: RateLimitItem = parse(limit)

    def take(self, account: str) -> None:
        """Count one try. Raises TooManyRequests, ServiceUnavailable."""
        is_allowed = self._broker.attempt(
            lambda _redis: self._limiter.hit(self._limit, "account", account), None
        )
        if is_allowed is None:
            raise ServiceUnavailable(
                "signing in is not possible right now", retry_after=RETRY_AFTER_SECONDS
            )
        if not is_allowed:
            raise TooManyRequests(
                "too many tries to sign in with this nickname",
                retry_after=self._limit.get_expiry(),
            )


class PostLimit:
    """Limit what an account posts over connections that stay, where the chain sees no requests.

    While Redis is away nobody is limited, as with requests.
    """

    def __init__(self, broker: Broker, limit: str = POSTS) -> None:
        self._broker = broker
        self._limiter = build_limiter(broker)
        self._limit: RateLimitItem = parse(limit)

    def take(self, user_id: int) -> None:
        """Count one post. Raises TooManyRequests."""
        is_allowed = self._broker.attempt(
            lambda _redis: self._limiter.hit(self._limit, "post-live", str(user_id)), True
        )
        if not is_allowed:
            raise TooManyRequests(
                "too many messages; wait a moment", retry_after=self._limit.get_expiry()
            )

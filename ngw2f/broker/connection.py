"""The connection to Redis or Valkey, and what happens while that is unreachable."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, RedisError
from redis.retry import Retry

from ngw2f.broker.embedded import embedded_socket
from ngw2f.broker.sentinel import SCHEME, connect_by_sentinel
from ngw2f.settings import SettingError, Settings

T = TypeVar("T")

# After a failure Redis is not asked for this long, so that a request with many commands waits for
# at most one time-out.
PAUSE_SECONDS = 1.0
# How long a request that cannot do without Redis waits for it.
PATIENT_SECONDS = 5.0

# While the memory of Redis stays full, the log says so once in this time.
FULL_SECONDS = 60.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Health:
    """The state of Redis by its own account (INFO); a limit of 0 means none."""

    memory_bytes: int
    memory_limit_bytes: int
    clients: int
    answer_seconds: float
    writes_to_disk: bool


class Broker:
    """A client of Redis for web requests: always quick, even while Redis is unreachable."""

    def __init__(self, settings: Settings) -> None:
        timeout = settings.redis_timeout_seconds
        self.redis = connect(settings, timeout)
        self._patient = connect(settings, max(timeout, PATIENT_SECONDS))
        # For X-ray; whoever makes another one from the same pool adds it.
        self.clients = [self.redis, self._patient]
        self.prefix = settings.redis_prefix
        self._pause_until = 0.0
        self._is_unreachable = False
        self._is_full_until = 0.0

    def attempt(
        self, command: Callable[["Redis"], T], otherwise: T, *, is_patient: bool = False
    ) -> T:
        """Return the result of *command*, or *otherwise* while Redis is unreachable.

        *is_patient*: ask even after others have failed, and wait longer for an answer.

        The log has one line when Redis fails and one when it is back.
        """
        if time.monotonic() < self._pause_until and not is_patient:
            return otherwise
        try:
            result = command(self._patient if is_patient else self.redis)
        except OutOfMemoryError as error:
            # It still answers, so commands that only read go on.
            if time.monotonic() > self._is_full_until:
                log.warning("Redis has no memory left (%s)", error)
            self._is_full_until = time.monotonic() + FULL_SECONDS
            return otherwise
        except RedisError as error:
            self._pause_until = time.monotonic() + PAUSE_SECONDS
            if not self._is_unreachable:
                self._is_unreachable = True
                log.warning("Redis is unreachable (%s); going on without it", error)
            return otherwise
        if self._is_unreachable:
            self._is_unreachable = False
            log.warning("Redis is back")
        return result

    def health(self) -> Health | None:
        """Return the state of Redis, None while it is unreachable."""
        return self.attempt(_read_health, None)

    def key(self, name: str) -> str:
        return self.prefix + name

    def close(self) -> None:
        self.redis.close()
        self._patient.close()


def connect(settings: Settings, timeout_seconds: float | None = None) -> Redis:
    """Return a client; it connects at its first command, so after a fork.

    Raises SettingError for a URL that no client can use.
    """
    url = broker_url(settings)
    options: dict[str, Any] = {
        "socket_timeout": timeout_seconds,
        "socket_connect_timeout": timeout_seconds,
        # Retry once on a fresh connection: those in the pool break when the server restarts. A
        # time-out is not retried, as it has taken long enough.
        "retry": Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        # Redis need not know which library asks: finding that out takes each process a megabyte.
        "driver_info": None,
    }
    try:
        if url.startswith(SCHEME):
            client = connect_by_sentinel(url, **options)
        else:
            client = Redis.from_url(url, **options)
        # Find an unknown option now and not at the first command. A connection from the pool
        # would count towards its limit, so make one beside it.
        pool = client.connection_pool
        pool.connection_class(**pool.connection_kwargs)
    except (ValueError, TypeError, RedisError) as error:
        reason = str(error).rpartition("__init__() ")[2]
        raise SettingError(f"NGW2F_REDIS_URL: its options are wrong ({reason})") from None
    return client


def _read_health(redis: Redis) -> Health:
    start = time.perf_counter()
    info = redis.info("default")
    seconds = time.perf_counter() - start
    statuses = ("rdb_last_bgsave_status", "aof_last_write_status", "aof_last_bgrewrite_status")
    return Health(
        int(info.get("used_memory", 0)),
        int(info.get("maxmemory", 0)),
        int(info.get("connected_clients", 0)),
        seconds,
        all(info.get(status, "ok") == "ok" for status in statuses),
    )


def broker_url(settings: Settings) -> str:
    # The path may contain characters with a meaning in URLs.
    return settings.redis_url or f"unix://{quote(str(embedded_socket(settings.data_path)))}"

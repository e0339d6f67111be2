"""The connection to Redis or Valkey, and what happens while it is away."""

import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, RedisError
from redis.retry import Retry

from ngw2f.broker.sentinel import SCHEME, connect_by_sentinel
from ngw2f.settings import SettingError, Settings

T = TypeVar("T")

# A Unix socket's path has at most 103 bytes on the systems that we run on.
MAX_SOCKET_PATH_BYTES = 103

# After a failure Redis is left alone for so long, so that a request pays for at
# most one time-out however many things it would have told it.
PAUSE_SECONDS = 1.0

# Where its memory stays full, the log says so once.
FULL_SECONDS = 60.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Health:
    """How Redis is, as it says itself (INFO); a limit of 0 is none."""

    memory_bytes: int
    memory_limit_bytes: int
    clients: int
    answer_seconds: float
    writes_to_disk: bool


class Broker:
    """A client of Redis that a web request can rely on to be quick, if not to be there."""

    def __init__(self, settings: Settings) -> None:
        timeout = settings.redis_timeout_seconds
        self.redis = connect(settings, timeout)
        self.prefix = settings.redis_prefix
        self._away_until = 0.0
        self._is_away = False
        self._is_full_until = 0.0

    def attempt(self, command: Callable[["Redis"], T], otherwise: T) -> T:
        """Return what *command* does with the client, or *otherwise* while Redis is away.

        The log has one line when it goes and one when it is back.
        """
        if time.monotonic() < self._away_until:
            return otherwise
        try:
            result = command(self.redis)
        except OutOfMemoryError as error:
            # It still answers, so what only reads goes on.
            if time.monotonic() > self._is_full_until:
                log.warning("Redis has no memory left (%s)", error)
            self._is_full_until = time.monotonic() + FULL_SECONDS
            return otherwise
        except RedisError as error:
            self._away_until = time.monotonic() + PAUSE_SECONDS
            if not self._is_away:
                self._is_away = True
                log.warning("Redis is away (%s); going on without it", error)
            return otherwise
        if self._is_away:
            self._is_away = False
            log.warning("Redis is back")
        return result

    def health(self) -> Health | None:
        """Ask Redis how it is; None while it is away."""
        return self.attempt(_read_health, None)

    def key(self, name: str) -> str:
        return self.prefix + name

    def close(self) -> None:
        self.redis.close()


def connect(settings: Settings, timeout_seconds: float | None = None) -> Redis:
    """Return a client; it connects at its first command, so after a fork.

    Raises SettingError for a URL of which none can be made.
    """
    url = broker_url(settings)
    options: dict[str, Any] = {
        "socket_timeout": timeout_seconds,
        "socket_connect_timeout": timeout_seconds,
        # One more try on a fresh connection: those in the pool break when the server
        # restarts. A time-out is not tried again: it has cost enough.
        "retry": Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
    }
    try:
        if url.startswith(SCHEME):
            client = connect_by_sentinel(url, **options)
        else:
            client = Redis.from_url(url, **options)
        # An option that there is not would be found at the first command. A connection that the
        # pool made would count as one of those that it may have.
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
    # The path may have any character, and some mean something in a URL.
    return settings.redis_url or f"unix://{quote(str(embedded_socket(settings.data_path)))}"


def embedded_socket(data_path: Path) -> Path:
    """Return where the embedded Valkey listens: under var/, or below /tmp if that cannot be."""
    path = data_path / "valkey.sock"
    # Valkey lists its clients with it, a line each, and RQ reads that.
    is_one_line = len(str(path).splitlines()) == 1
    if is_one_line and len(os.fsencode(path)) <= MAX_SOCKET_PATH_BYTES:
        return path
    name = hashlib.sha256(os.fsencode(data_path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"ngw2f-{os.getuid()}-{name}" / "valkey.sock"

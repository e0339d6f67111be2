"""The connection to Redis, through whatever client the application brings.

The package of the client is not imported: its errors are found by its class.
"""

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import ModuleType
from typing import Any, Protocol

from middleware._options import ErrorTypes, errors_of
from middleware.cache.stores.redis_held import HeldConnections

_log = logging.getLogger("middleware.cache")

# Packages of clients: the errors that they raise are in their module `exceptions`.
_PACKAGES = ("redis", "valkey")
# The longest time that Redis is left alone: it may be back.
_MAX_PAUSE_SECONDS = 5.0


class RedisClient(Protocol):
    """What is needed of a client, for instance of redis-py's, with bytes as answers."""

    def execute_command(self, *args: Any) -> Any:
        """Send one command and return its answer."""
        ...


class Connection:
    """Sends commands, and answers None while Redis is unreachable."""

    def __init__(
        self,
        client: RedisClient,
        errors: type[Exception] | Iterable[type[Exception]] | None,
        pause_factor: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        if answers_with_text(client):
            raise ValueError("client: it must answer with bytes, without decode_responses")
        self._held = HeldConnections(client)
        self._errors = errors_of_client(client) if errors is None else errors_of("errors", errors)
        self.is_lost = False
        self._pause_factor = pause_factor
        self._now = now
        self._ask_again_at = 0.0

    @property
    def is_left_alone(self) -> bool:
        """Return whether nothing that can wait should be asked now: an error took long just now."""
        return self.is_lost and self._now() < self._ask_again_at

    def command(self, *arguments: Any) -> Any:
        """Send a command; None if Redis is unreachable, which is logged once until it is back."""
        begin = self._now()
        try:
            answer = self._held.execute(*arguments)
        except self._errors:
            now = self._now()
            self._ask_again_at = now + min((now - begin) * self._pause_factor, _MAX_PAUSE_SECONDS)
            if not self.is_lost:
                _log.exception("the cache's Redis is unreachable; going on without the cache")
            self.is_lost = True
            return None
        if self.is_lost:
            _log.warning("the cache's Redis is back")
        self.is_lost = False
        return answer

    def script(self, script: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """Run a Lua script; return None if Redis is unreachable."""
        return self.command("EVAL", script, len(keys), *keys, *arguments)


def errors_of_client(client: object) -> ErrorTypes:
    """List what a client raises if Redis is unreachable or refuses a command.

    That is `OSError`, and the errors that the package of the client's class defines in its module
    `exceptions`. Those of redis-py and valkey-py count wherever they are imported: the client may
    wrap one of theirs.
    """
    packages = {kind.__module__.partition(".")[0] for kind in type(client).__mro__}
    modules = [sys.modules.get(f"{name}.exceptions") for name in {*packages, *_PACKAGES}]
    return (OSError, *(error for module in modules if module for error in _defined_in(module)))


def answers_with_text(client: object) -> bool:
    """Return whether a redis-py client decodes its answers, which would destroy bodies."""
    pool = getattr(client, "connection_pool", None)
    return bool(getattr(pool, "connection_kwargs", {}).get("decode_responses"))


def _defined_in(module: ModuleType) -> Iterator[type[Exception]]:
    for value in vars(module).values():
        is_error = isinstance(value, type) and issubclass(value, Exception)
        if is_error and value.__module__ == module.__name__:
            yield value

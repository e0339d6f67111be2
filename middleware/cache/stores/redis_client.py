"""What a client of Redis raises and answers, found without a need for its package here."""

import sys
from collections.abc import Iterator
from types import ModuleType

from middleware._options import ErrorTypes

# Packages of clients: what they raise is in their module `exceptions`.
_PACKAGES = ("redis", "valkey")


def errors_of_client(client: object) -> ErrorTypes:
    """List what a client raises if Redis is away, or refuses.

    That is `OSError`, and what the package of the client's class defines in its module
    `exceptions`. Those of redis-py and valkey-py count wherever they are imported: the client may
    stand around one of theirs.
    """
    packages = {kind.__module__.partition(".")[0] for kind in type(client).__mro__}
    modules = [sys.modules.get(f"{name}.exceptions") for name in {*packages, *_PACKAGES}]
    return (OSError, *(error for module in modules if module for error in _defined_in(module)))


def answers_with_text(client: object) -> bool:
    """Say whether a client of redis-py decodes what it gets: no body would survive that."""
    pool = getattr(client, "connection_pool", None)
    return bool(getattr(pool, "connection_kwargs", {}).get("decode_responses"))


def _defined_in(module: ModuleType) -> Iterator[type[Exception]]:
    for value in vars(module).values():
        is_error = isinstance(value, type) and issubclass(value, Exception)
        if is_error and value.__module__ == module.__name__:
            yield value

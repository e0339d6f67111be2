"""Purge from a command: `python -m middleware.cache purge --clock FILE --url URL`."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from middleware.cache.hooks import KeyHook
from middleware.cache.key import KeyMaker
from middleware.cache.purge_command import (
    PurgeError,
    add_purge_arguments,
    carry_out,
    store_of_clock,
)
from middleware.cache.stores.base import Store
from middleware.cache.stores.redis import RedisStore

# An operator waits; a cache's request would not.
_REDIS_SECONDS = 5


def main(arguments: Sequence[str] | None = None) -> None:
    """Purge; exit with a line if nothing was purged."""
    options = _parser().parse_args(arguments)
    try:
        sys.stdout.write(f"{carry_out(options, _store(options), KeyMaker(_hook(options.key)))}\n")
    except PurgeError as error:
        sys.exit(f"middleware.cache: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m middleware.cache")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    purge = commands.add_parser("purge", help="drop stored responses, in all processes at once")
    where = purge.add_mutually_exclusive_group(required=True)
    where.add_argument("--clock", type=Path, metavar="FILE", help="of the SharedGroupClock")
    where.add_argument("--redis", metavar="URL", help="of the RedisStore, as in unix:///run/redis")
    purge.add_argument("--keys", metavar="PREFIX", default="cache:", help="the RedisStore's prefix")
    purge.add_argument("--key", metavar="MODULE:NAME", help="the cache's key hook, if it has one")
    add_purge_arguments(purge)
    return parser


def _store(options: argparse.Namespace) -> Store:
    if options.clock is not None:
        return store_of_clock(options.clock)
    try:
        redis = import_module("redis")
    except ImportError:
        raise PurgeError("--redis needs redis-py: pip install redis") from None
    try:
        client = redis.Redis.from_url(
            options.redis, socket_timeout=_REDIS_SECONDS, socket_connect_timeout=_REDIS_SECONDS
        )
        return RedisStore(client, prefix=options.keys)
    except ValueError as error:
        raise PurgeError(f"--redis: {error}") from None


def _hook(name: str | None) -> KeyHook | None:
    if name is None:
        return None
    module, _, attribute = name.partition(":")
    try:
        hook: Any = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise PurgeError(f"--key {name}: {error}") from None
    if not callable(hook):
        raise PurgeError(f"--key {name} is not a function")
    found: KeyHook = hook
    return found


if __name__ == "__main__":
    main()

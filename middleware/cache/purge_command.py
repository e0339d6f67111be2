"""What a command that purges asks its user for, and says."""

import argparse
from pathlib import Path

from middleware.cache.groups import CLOCK_BYTES, SharedGroupClock
from middleware.cache.key import KeyMaker
from middleware.cache.purging import Purge
from middleware.cache.stores.base import Store
from middleware.cache.stores.memory import MemoryStore


class PurgeError(Exception):
    """Why nothing was purged, in a line."""


def add_purge_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is to be purged; each may be given several times."""
    for option, dest, name, purpose in (
        ("--url", "urls", "URL", "this URL, in all variants"),
        ("--prefix", "prefixes", "URL", "this URL and all below it, with every query"),
        ("--group", "groups", "NAME", "all responses of this group"),
    ):
        parser.add_argument(
            option, dest=dest, metavar=name, action="append", default=[], help=purpose
        )


def carry_out(options: argparse.Namespace, store: Store, keys: KeyMaker) -> str:
    """Purge what the arguments name, and return a line that says so; or raise PurgeError."""
    purge = Purge(options.urls, options.prefixes, options.groups)
    try:
        names = purge.names(keys)
    except ValueError as error:
        raise PurgeError(str(error)) from None
    if not names:
        raise PurgeError("nothing to purge: give --url, --prefix or --group")
    if store.drop(names) is False:
        raise PurgeError("the store cannot be reached; nothing was purged")
    prefixes = [f"all below {prefix}" for prefix in options.prefixes]
    groups = [f"group {name}" for name in options.groups]
    return f"purged {', '.join([*options.urls, *prefixes, *groups])}"


def store_of_clock(path: Path) -> MemoryStore:
    """Return a store that drops what the caches with this clock hold, or raise PurgeError.

    A file that is not there is not made, and any other file stays as it is: then the path is wrong,
    or no cache of this release was used yet.
    """
    if not path.is_file():
        raise PurgeError(f"no cache has a clock at {path}")
    clock = SharedGroupClock(path)
    try:
        if path.stat().st_size != CLOCK_BYTES:
            raise PurgeError(f"{path} is not a clock of this release")
        clock.open()
    except OSError as error:
        raise PurgeError(f"{path}: {error.strerror}") from None
    return MemoryStore(clock=clock)

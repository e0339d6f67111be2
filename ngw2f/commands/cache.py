"""`ngw2f cache purge`: drop cached responses in all processes of this machine."""

import argparse
import sys

from middleware.cache.key import KeyMaker
from middleware.cache.purge_command import (
    PurgeError,
    add_purge_arguments,
    carry_out,
    store_of_clock,
)
from ngw2f.live.cache_groups import open_group_clock
from ngw2f.settings import load_settings


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the others of `ngw2f`."""
    cache = commands.add_parser("cache", help="drop what the web processes have cached")
    actions = cache.add_subparsers(required=True, metavar="ACTION")
    purge = actions.add_parser("purge", help="by URL, by prefix, by group; at once, everywhere")
    add_purge_arguments(purge)
    purge.set_defaults(run=_purge)


def _purge(options: argparse.Namespace) -> None:
    path = open_group_clock(load_settings().data_path).path
    try:
        sys.stdout.write(f"{carry_out(options, store_of_clock(path), KeyMaker())}\n")
    except PurgeError as error:
        sys.exit(f"ngw2f: {error}")

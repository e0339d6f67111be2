"""Leave the asyncio halves of the libraries for Redis out of this process.

redis-py and limits load theirs with the rest, though nothing here runs asyncio: that takes a web
process and the jobs' supervisor more than a megabyte each, and some of the time of a start.
"""

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

HALVES = ("redis.asyncio", "limits.aio")


class _Absent(ModuleType):
    """A module that has an empty class under each name that others import from it."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


class _Absence(MetaPathFinder, Loader):
    def find_spec(self, name: str, _path: object, _target: object = None) -> ModuleSpec | None:
        if name.startswith(HALVES):
            return ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Absent(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Execute nothing."""


def leave_asyncio_out() -> None:
    """Do so from now on; call it before the libraries are loaded."""
    # gunicorn runs its configuration again at each reload.
    if not any(isinstance(each, _Absence) for each in sys.meta_path):
        sys.meta_path.insert(0, _Absence())

"""Leave the asyncio halves of the libraries for Redis out of this process, until they are used.

redis-py and limits load theirs with the rest, though nothing here runs asyncio: that takes a web
process and the jobs' supervisor more than a megabyte each, and some of the time of a start. Other
code in the process, such as what reports errors or traces, still gets the real ones.
"""

import sys
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

HALVES = ("redis.asyncio", "limits.aio")


class _Nothing:
    """Stands for anything that a library imports from its other half."""


class _Absent(ModuleType):
    """A module that has, for its own library, an empty class under each name."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        if _is_library_asking(self.__name__):
            return type(name, (_Nothing,), {"__module__": self.__name__})
        _load(self.__name__)
        return getattr(import_module(self.__name__), name)


class _Absence(MetaPathFinder, Loader):
    def __init__(self, half: str) -> None:
        self.half = half
        # A module that others have just loaded, and its own spec.
        self._real: tuple[ModuleType, ModuleSpec | None] | None = None

    def find_spec(self, name: str, _path: object, _target: object = None) -> ModuleSpec | None:
        if name != self.half and not name.startswith(f"{self.half}."):
            return None
        if _is_library_asking(name):
            return ModuleSpec(name, self, is_package=True)
        _load(name)
        module = import_module(name)
        self._real = module, module.__spec__
        # Otherwise the import that goes on here would execute it once more.
        del sys.modules[name]
        return ModuleSpec(name, self, is_package=hasattr(module, "__path__"))

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._real[0] if self._real else _Absent(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Execute nothing, as it was executed if it is a real one."""
        if self._real:
            module.__spec__ = self._real[1]


def leave_asyncio_out() -> None:
    """Leave asyncio out from now on; call this before the libraries are loaded."""
    # gunicorn runs its configuration again at each reload.
    known = {each.half for each in sys.meta_path if isinstance(each, _Absence)}
    known |= {
        half for half in HALVES if not isinstance(sys.modules.get(half), (_Absent, type(None)))
    }
    sys.meta_path[:0] = [_Absence(half) for half in HALVES if half not in known]


def _is_library_asking(name: str) -> bool:
    """Say whether the code that imports, or reads from, a module is of the same library."""
    frame = sys._getframe(2)
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("importlib"):
        frame = frame.f_back
    asking: str = frame.f_globals.get("__name__", "")
    return asking.partition(".")[0] == name.partition(".")[0]


def _load(name: str) -> None:
    """Load the half with this module, and give it to the library that went without."""
    half = next(half for half in HALVES if name.startswith(half))
    library = half.partition(".")[0]
    sys.meta_path[:] = [
        each for each in sys.meta_path if not isinstance(each, _Absence) or each.half != half
    ]
    for key, module in list(sys.modules.items()):
        if isinstance(module, _Absent) and key.startswith(half):
            del sys.modules[key]
    import_module(half)
    for key, module in list(sys.modules.items()):
        if key.partition(".")[0] == library:
            for own, value in list(vars(module).items()):
                if isinstance(value, type) and value.__bases__ == (_Nothing,):
                    real = import_module(value.__module__)
                    setattr(module, own, getattr(real, value.__name__))

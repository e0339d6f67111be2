"""Leave parts of the libraries for Redis that nothing here uses out of this process.

redis-py and limits load theirs with the rest, though nothing here runs asyncio: that takes a web
process and the jobs' supervisor more than a megabyte each, and some of the time of a start. Other
code in the process, such as what reports errors or traces, still gets the real ones.

Where OpenTelemetry's SDK is installed, redis-py loads the part of it that measures, too. It takes
from there one name, which it never uses.
"""

import sys
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

HALVES = ("redis.asyncio", "limits.aio")
MEASURES = "opentelemetry.sdk.metrics"


class _Nothing:
    """Stands for anything that a library imports from its other half."""


class _Absent(ModuleType):
    """A module that has, for its own library, an empty class under each name."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        if _library_asking() == _library_of(self.__name__):
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
        if _library_asking() == _library_of(name):
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


class _NoMeasures(MetaPathFinder):
    """For redis-py the SDK is as if it were not installed."""

    def find_spec(self, name: str, _path: object, _target: object = None) -> None:
        if name == MEASURES and _library_asking() == "redis":
            raise ModuleNotFoundError(f"{name} is left out", name=name)


def leave_unused_out() -> None:
    """Leave them out from now on; call this before the libraries are loaded."""
    # gunicorn runs its configuration again at each reload.
    known = {each.half for each in sys.meta_path if isinstance(each, _Absence)}
    known |= {
        half for half in HALVES if not isinstance(sys.modules.get(half), (_Absent, type(None)))
    }
    sys.meta_path[:0] = [_Absence(half) for half in HALVES if half not in known]
    if "redis" not in sys.modules and not any(
        isinstance(each, _NoMeasures) for each in sys.meta_path
    ):
        sys.meta_path.insert(0, _NoMeasures())


def _library_of(name: str) -> str:
    return name.partition(".")[0]


def _library_asking() -> str:
    """Return the library of the code that imports, or reads from, a module."""
    frame = sys._getframe(2)
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("importlib"):
        frame = frame.f_back
    return _library_of(frame.f_globals.get("__name__", ""))


def _load(name: str) -> None:
    """Load the half with this module, and give it to the library that went without."""
    half = next(half for half in HALVES if name.startswith(half))
    library = _library_of(half)
    sys.meta_path[:] = [
        each for each in sys.meta_path if not isinstance(each, _Absence) or each.half != half
    ]
    for key, module in list(sys.modules.items()):
        if isinstance(module, _Absent) and key.startswith(half):
            del sys.modules[key]
    import_module(half)
    for key, module in list(sys.modules.items()):
        if _library_of(key) == library:
            for own, value in list(vars(module).items()):
                if isinstance(value, type) and value.__bases__ == (_Nothing,):
                    real = import_module(value.__module__)
                    setattr(module, own, getattr(real, value.__name__))

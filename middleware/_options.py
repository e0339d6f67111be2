"""Check the options of a middleware when it is made, so that a mistake does not stay silent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any] | None)
ErrorTypes: TypeAlias = tuple[type[Exception], ...]


def list_of(option: str, values: Iterable[T]) -> tuple[T, ...]:
    """Return an option's values as a list; the error names the `option`.

    Raises `TypeError` for a single text or bytes, which would be split into characters, and for
    anything that is not iterable.
    """
    if isinstance(values, str | bytes | bytearray):
        raise TypeError(f"{option} must be a list, as in [{values!r}], not {values!r}")
    try:
        return tuple(values)
    except TypeError:
        raise TypeError(f"{option} must be a list, not {values!r}") from None


def names_of(option: str, values: Iterable[str]) -> tuple[str, ...]:
    """Return an option's names. Raises `TypeError` for a single text, and if one is not text."""
    found = list_of(option, values)
    for name in found:
        if not isinstance(name, str):
            raise TypeError(f"{option} must be a list of names, and {name!r} is not text")
    return found


def function_of(option: str, function: F) -> F:
    """Return an option that is called for each request, or None.

    Raises `TypeError` now, for example for a list of paths, and not at the first request.
    """
    if function is not None and not callable(function):
        raise TypeError(f"{option} must be a function, not {function!r}")
    return function


def errors_of(option: str, types: type[Exception] | Iterable[type[Exception]]) -> ErrorTypes:
    """Return an option's exceptions as `except` takes them; a single class is a list of one.

    Raises `TypeError` now, and not when the first exception has to be caught.
    """
    found = (types,) if isinstance(types, type) else list_of(option, types)
    for error in found:
        if not (isinstance(error, type) and issubclass(error, Exception)):
            raise TypeError(f"{option} must be a list of exceptions, and {error!r} is not one")
    return found

"""Check options of middleware when it is made, so that a slip is not silent for ever after."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any] | None)
ErrorTypes: TypeAlias = tuple[type[Exception], ...]


def list_of(option: str, values: Iterable[T]) -> tuple[T, ...]:
    """Give an option's values, of which each is one; `option` names it for the error.

    Raises `TypeError` for one text or bytes, which would be taken for its letters, and for what
    cannot be iterated over.
    """
    if isinstance(values, str | bytes | bytearray):
        raise TypeError(f"{option} is a list, as in [{values!r}], not {values!r}")
    try:
        return tuple(values)
    except TypeError:
        raise TypeError(f"{option} is a list, not {values!r}") from None


def names_of(option: str, values: Iterable[str]) -> tuple[str, ...]:
    """Give an option's names. Raises `TypeError` for one text, and for what is not text in it."""
    found = list_of(option, values)
    for name in found:
        if not isinstance(name, str):
            raise TypeError(f"{option} is a list of names, and {name!r} is none")
    return found


def function_of(option: str, function: F) -> F:
    """Give an option that is called for each request, or None.

    Raises `TypeError` now for a list of paths, say, and not at the first request.
    """
    if function is not None and not callable(function):
        raise TypeError(f"{option} is a function, not {function!r}")
    return function


def errors_of(option: str, types: type[Exception] | Iterable[type[Exception]]) -> ErrorTypes:
    """Give an option's exceptions as `except` takes them; one alone is a list of one.

    Raises `TypeError` now, and not when the first of them is to be caught.
    """
    found = (types,) if isinstance(types, type) else list_of(option, types)
    for error in found:
        if not (isinstance(error, type) and issubclass(error, Exception)):
            raise TypeError(f"{option} is a list of exceptions, and {error!r} is none")
    return found

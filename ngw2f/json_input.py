"""JSON that clients send, read by what JSON Schema calls an integer."""

from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

# Of greater floating-point numbers not each is the integer that was written.
MAX_EXACT = 2**53


def decode(content: bytes | str, shape: type[T]) -> T:
    """Return JSON as *shape*, a msgspec.Struct; 3.0 is an integer (JSON Schema, section 4.2.3).

    Raises msgspec.ValidationError for another shape, and msgspec.DecodeError,
    UnicodeDecodeError or RecursionError for what is not JSON.
    """
    try:
        return msgspec.json.decode(content, type=shape)
    except msgspec.ValidationError:
        return msgspec.convert(_whole_numbers(msgspec.json.decode(content)), shape)


def whole_number(value: Any) -> Any:
    """Return an int for a number of decoded JSON that is an integer, also 3.0, else the value."""
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) <= MAX_EXACT
    return int(value) if is_whole else value


def _whole_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _whole_numbers(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_whole_numbers(part) for part in value]
    return whole_number(value)

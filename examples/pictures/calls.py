"""Record calls among some functions, with arguments and return values."""

import re
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

from examples.pictures.events import log_of_run

# Varies between runs.
VARYING = re.compile(r" object at 0x\w+|(?<=')http://[^/]*")


def watch_calls(names: dict[str, str], outermost: str) -> None:
    """Record the calls of functions: `file.py:Class.function`, and its name in the picture."""
    callers = [outermost]
    tell = log_of_run().tell

    def profile(frame: FrameType, what: str, value: Any) -> None:
        code = frame.f_code
        name = names.get(f"{code.co_filename.rpartition('/')[2]}:{code.co_qualname}")
        if name and what == "call":
            tell(callers[-1], name, f"{code.co_name}({', '.join(arguments(frame))})")
            callers.append(name)
        elif name and what == "return":
            callers.pop()
            tell(name, callers[-1], f"return {said(value)}")

    sys.setprofile(profile)


def arguments(frame: FrameType) -> Iterator[str]:
    """Return the arguments of a call, without `self` and excluded ones."""
    for name in frame.f_code.co_varnames[: frame.f_code.co_argcount]:
        value = frame.f_locals[name]
        if name != "self" and value not in (None, False):
            yield f"{name}=True" if value is True else said(value)


def said(value: Any) -> str:
    """Format a value without what varies between runs."""
    if isinstance(value, tuple):
        return f"({', '.join(map(said, value))})"
    return str(getattr(value, "__qualname__", None) or VARYING.sub("", repr(value)))

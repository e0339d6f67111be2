"""Name layers after their classes."""

from __future__ import annotations

import re
from typing import Any

from middleware.chain import APPLICATION

WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+")


def name_of(layer: Any) -> str:
    """Make a name of a layer's class, or of a function: `HTTPCacheMiddleware` is `http cache`."""
    kind = type(layer)
    if kind.__module__ == "builtins":
        name = getattr(layer, "__name__", "app")
        return APPLICATION if name in {"app", "<lambda>"} else str(name).replace("_", " ")
    words = [word.lower() for word in WORDS.findall(kind.__name__)]
    return " ".join(words[:-1] if words[-1] == "middleware" and len(words) > 1 else words)


def unique(names: list[str]) -> list[str]:
    """Return the names, with a number where one occurs again."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name} {seen[name]}")
    return result

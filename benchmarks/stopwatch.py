"""Charge the processor time of a thread to the parts of its work, whatever greenlet does it.

A part is one of some functions. While it runs, its time is not that of the part that called it;
parts inside an opaque one are not told apart. A switch to another greenlet is a change of parts.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import greenlet  # type: ignore[import-untyped] # It has no stubs.

REST = "the server and the event loop"


class Stopwatch:
    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.calls: Counter[str] = Counter()
        self._opaque: set[str] = set()
        self._parts: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
        self._now = REST
        self._since = time.thread_time()

    def start(self) -> None:
        """Begin anew, in the thread whose time counts."""
        self.seconds.clear()
        self.calls.clear()
        self._since = time.thread_time()
        greenlet.settrace(self._switch)

    def watch(self, owner: Any, name: str, part: str, *, opaque: bool = False) -> None:
        """Charge what the owner's function takes to *part*, from now on."""
        function: Callable[..., Any] = getattr(owner, name)
        if opaque:
            self._opaque.add(part)

        def timed(*args: Any, **kwargs: Any) -> Any:
            before = self._now
            if before in self._opaque:
                return function(*args, **kwargs)
            self.calls[part] += 1
            self._charge(part)
            try:
                return function(*args, **kwargs)
            finally:
                self._charge(before)

        setattr(owner, name, timed)

    def _switch(self, _event: str, greenlets: tuple[Any, Any]) -> None:
        origin, target = greenlets
        self._parts[origin] = self._now
        self._charge(self._parts.get(target, REST))

    def _charge(self, next_part: str) -> None:
        now = time.thread_time()
        self.seconds[self._now] += now - self._since
        self._now, self._since = next_part, now

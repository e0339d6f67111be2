"""Do at once what several greenlets, or threads, want done at the same time.

Whoever finds nobody leading leads, and does what all who wait want done. Nobody goes on before that
is settled, and each gets its own result or its own error.
"""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar, cast

Item = TypeVar("Item")
Result = TypeVar("Result")

# Others wait meanwhile; those beyond this number are settled next.
MAX_GROUP = 128
# The leader waits this long for those who are coming: half of a group alone costs nearly as much
# as all of it.
COMING_SECONDS = 0.005
# Not zero: gevent reads what has arrived at other connections only after a timer.
LOOK_SECONDS = 1e-6


class LeaderKilledError(Exception):
    """Whoever acted for others was killed, and they cannot know how far it came."""


@dataclass(slots=True, eq=False)
class Waiting(Generic[Item, Result]):
    """What somebody wants done, and what came of it."""

    item: Item
    # The id of the request that waits, and of the one that settled it; empty if it is for none.
    request_id: str = ""
    settled_by: str = ""
    result: Result | None = None
    error: Exception | None = None
    is_settled: bool = False
    # Set when it is settled, and when nobody leads.
    is_told: threading.Event = field(default_factory=threading.Event)

    def settle(self) -> None:
        self.is_settled = True
        self.is_told.set()


class Together(Generic[Item, Result]):
    def __init__(self) -> None:
        self._waiting: deque[Waiting[Item, Result]] = deque()
        self._leading = threading.Lock()
        self._coming: set[object] = set()
        self._are_all_here = threading.Event()
        # Whether the last group was one of several.
        self._are_many = False

    @contextmanager
    def coming(self) -> Iterator[object]:
        """Announce that the block will call `ask` soon, unless something prevents that.

        Pass what this yields to `ask`.
        """
        mark = object()
        self._coming.add(mark)
        try:
            yield mark
        finally:
            self._arrive(mark)

    def ask(self, item: Item, coming: object = None) -> Result:
        """Return the result for *item*. Raises its error, or that of all."""
        own: Waiting[Item, Result] = Waiting(item, self._request_id())
        self._waiting.append(own)
        self._arrive(coming)
        # Those who have got as far join the same group.
        time.sleep(0)
        while True:
            own.is_told.clear()
            if own.is_settled:
                break
            if not self._leading.acquire(blocking=False):
                # Not for the lock: whoever is settled goes on, even if others lead again by then.
                own.is_told.wait()
                continue
            try:
                if not own.is_settled:
                    self._lead()
            finally:
                self._leading.release()
                # One of them leads next.
                for each in self._waiting.copy():
                    each.is_told.set()
        self._note(own)
        if own.error:
            raise own.error
        return cast(Result, own.result)

    def _arrive(self, mark: object) -> None:
        self._coming.discard(mark)
        if not self._coming:
            self._are_all_here.set()

    def _lead(self) -> None:
        group: list[Waiting[Item, Result]] = []
        try:
            self._gather()
            self._settle(group)
        finally:
            self._are_many = len(group) > 1
            for each in group:
                if not each.is_settled:
                    each.error = self._after_kill()
                    each.settle()

    def _gather(self) -> None:
        """Let those who are nearly here join the group. Whoever is alone waits for nobody."""
        self._are_all_here.clear()
        if self._are_many:
            time.sleep(LOOK_SECONDS)
        if self._coming:
            self._are_all_here.wait(COMING_SECONDS)

    def _settle(self, group: list[Waiting[Item, Result]]) -> None:
        """Do what *group* wants, which is who waits if it is empty, and settle each."""
        try:
            self._act(group)
        except Exception as error:
            # If it failed before anybody was taken, all who wait have waited for the same, too.
            group += [] if group else self._take()
            for each in group:
                each.error = error
        for each in group:
            each.settle()

    def _act(self, group: list[Waiting[Item, Result]]) -> None:
        """Take all who wait into *group*, unless it has some, and note each one's result or error.

        What it raises is the error of all.
        """
        raise NotImplementedError

    def _request_id(self) -> str:
        """Return the id of the request that this is done for."""
        return ""

    def _note(self, own: Waiting[Item, Result]) -> None:
        """Note in the trace of a request by whom it was settled."""

    def _after_kill(self) -> Exception:
        """Return the error of those who were not settled, because the leader was killed."""
        return LeaderKilledError()

    def _take(self) -> list[Waiting[Item, Result]]:
        return [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_GROUP))]

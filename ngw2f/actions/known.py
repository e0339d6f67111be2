"""What a process knows of who may do what, so that the database is not asked with every request.

Each answer belongs to groups, like the cached answers of the API, and is forgotten when one of
them is dropped: `var/groups.clock` says so to all processes of the host at once, after the commit
of a change and before its answer (ngw2f/live/cache_groups.py). Other hosts are told by the stream,
which may be late. So where there can be other hosts, with PostgreSQL, nothing that may change is
kept.
"""

import time
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, NamedTuple, TypeVar

from middleware.cache import SharedGroupClock
from middleware.cache.groups import slots_of

T = TypeVar("T")

# In case that a process is killed after a commit, before it drops the groups.
MAX_SECONDS = 10.0
MAX_ANSWERS = 10_000


class _Answer(NamedTuple, Generic[T]):
    found: T
    slots: tuple[int, ...]
    # Before the database was asked, by the clock of the groups.
    asked_at: int
    until: float


class Known(Generic[T]):
    """The answers to one question; only what was found is kept."""

    def __init__(self, clock: SharedGroupClock) -> None:
        self._clock = clock
        self._answers: dict[Hashable, _Answer[T]] = {}

    def find(
        self, key: Hashable, ask: Callable[[], T | None], groups_of: Callable[[T], Iterable[str]]
    ) -> T | None:
        """Return what is known under *key*, or what *ask* finds.

        *groups_of* names the groups that drop it; it is not kept if there are none.
        """
        answer = self._answers.get(key)
        if answer is not None and self._is_valid(answer):
            return answer.found
        asked_at = self._clock.now()
        found = ask()
        slots = () if found is None else slots_of(groups_of(found))
        if found is None or not slots:
            self._answers.pop(key, None)
            return found
        if len(self._answers) >= MAX_ANSWERS:
            self._answers.clear()
        until = time.monotonic() + MAX_SECONDS
        self._answers[key] = _Answer(found, slots, asked_at, until)
        return found

    def _is_valid(self, answer: _Answer[T]) -> bool:
        is_dropped = self._clock.is_dropped(answer.slots, answer.asked_at)
        return not is_dropped and time.monotonic() < answer.until

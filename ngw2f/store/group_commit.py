"""Group commit: writers that wait for the database at the same time share one transaction.

Whoever finds nobody writing leads: it waits for the database, then stores what all who wait want to
store, with one commit and one sync. Nobody goes on before that commit, and each gets its own result
or its own error. If something cannot be stored, nothing of the group is, and then each alone.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from ngw2f.store.database import CommitLostError, Database
from ngw2f.store.order import take_turn

Item = TypeVar("Item")
Result = TypeVar("Result")
News = TypeVar("News")

# Other processes wait for a transaction; those beyond this number have the next one.
MAX_GROUP = 128
# While groups form, whoever leads waits a moment for those whose requests are being read: larger
# groups cost each of them less. A writer who is alone does not wait.
GATHER_SECONDS = 0.002


class _OneOfManyError(Exception):
    """Something in a group cannot be stored."""


@dataclass(slots=True, eq=False)
class _Waiting(Generic[Item, Result]):
    """What somebody wants to store, and what came of it."""

    item: Item
    result: Result | None = None
    error: Exception | None = None
    is_settled: bool = False
    # Set when it is settled, and when nobody leads.
    is_told: threading.Event = field(default_factory=threading.Event)

    def settle(self) -> None:
        self.is_settled = True
        self.is_told.set()


class GroupCommit(Generic[Item, Result, News]):
    """Store together what several greenlets, or threads, want to store at the same time.

    *store* gets a group in its transaction; it returns a result for each, and what *publish* gets
    after the commit. It may be called again for a part of the group: only the last call counts.
    """

    def __init__(
        self,
        database: Database,
        store: Callable[[Connection, Sequence[Item]], tuple[Sequence[Result], News]],
        publish: Callable[[News], None],
    ) -> None:
        self._database = database
        self._store = store
        self._publish = publish
        self._waiting: deque[_Waiting[Item, Result]] = deque()
        self._leading = threading.Lock()
        # Whether the last group had more than one.
        self._is_shared = False

    def write(self, item: Item) -> Result:
        """Return the result for *item* once it is committed. Raises its error, or the commit's."""
        own = _Waiting[Item, Result](item)
        self._waiting.append(own)
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
        if own.error:
            raise own.error
        return cast(Result, own.result)

    def _lead(self) -> None:
        """Settle all who wait."""
        group: list[_Waiting[Item, Result]] = []
        if self._is_shared:
            time.sleep(GATHER_SECONDS)
        try:
            self._settle(group)
            self._is_shared = len(group) > 1
        finally:
            # Whoever leads was killed, and the others cannot know how far it came.
            for each in group:
                if not each.is_settled:
                    each.error = _unknown()
                    each.settle()

    def _settle(self, group: list[_Waiting[Item, Result]]) -> None:
        try:
            self._commit(group)
        except _OneOfManyError:
            for each in group:
                self._settle([each])
        except Exception as error:
            # Without the database nobody has been taken yet, and all have waited as long.
            group += [] if group else self._take()
            for each in group:
                each.error = error
        for each in group:
            each.settle()

    def _commit(self, group: list[_Waiting[Item, Result]]) -> None:
        with self._database.writing() as connection:
            take_turn(connection)
            # Not before: others have come while this process waited for its turn.
            group += [] if group else self._take()
            try:
                results, news = self._store(connection, [each.item for each in group])
            except OperationalError:
                raise  # It is the database that fails, for all of them.
            except Exception as error:
                if len(group) == 1:
                    raise
                raise _OneOfManyError from error
        for each, result in zip(group, results, strict=True):
            each.result = result
        self._publish(news)

    def _take(self) -> list[_Waiting[Item, Result]]:
        return [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_GROUP))]


def _unknown() -> CommitLostError:
    reason: Any = RuntimeError("whoever committed for others was stopped")
    return CommitLostError("COMMIT", None, reason)

"""Group commit: writers that wait for the database at the same time share one transaction.

Whoever finds nobody writing leads: it waits for the database, then does the work of all who wait,
with one commit and one sync. Nobody goes on before that commit, and each gets its own result or its
own error. If the work of one fails, nothing of the group is stored, and each is then done alone.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from ngw2f.store.database import CommitLostError, Database
from ngw2f.store.order import take_turn

T = TypeVar("T")
R = TypeVar("R")

# Other processes wait for a transaction; those beyond this number have the next one.
MAX_GROUP = 128


class _OneOfManyError(Exception):
    """The work of one in a group failed."""


@dataclass(slots=True, eq=False)
class _Waiting(Generic[T]):
    """A writer: what it does in the transaction, and what came of it."""

    work: Callable[[Connection], T]
    # With the id of its request: another request may do the work.
    context: Context = field(default_factory=copy_context)
    result: T | None = None
    error: Exception | None = None
    is_settled: bool = False


class GroupCommit(Generic[T, R]):
    """Write together with others that do the same.

    In the transaction, *record* gets the results of a group, and returns what *publish* gets after
    the commit. Work may be done twice, but only what is committed counts.
    """

    def __init__(
        self,
        database: Database,
        record: Callable[[Connection, Sequence[T]], R],
        publish: Callable[[R], None],
    ) -> None:
        self._database = database
        self._record = record
        self._publish = publish
        self._waiting: deque[_Waiting[T]] = deque()
        self._leading = threading.Lock()

    def write(self, work: Callable[[Connection], T]) -> T:
        """Return the result of *work* once it is committed. Raises its error, or the commit's."""
        own = _Waiting(work)
        self._waiting.append(own)
        # Those who have got as far join the same group.
        time.sleep(0)
        with self._leading:
            while not own.is_settled:
                self._lead()
        if own.error:
            raise own.error
        return cast(T, own.result)

    def _lead(self) -> None:
        """Settle all who wait."""
        group: list[_Waiting[T]] = []
        try:
            self._settle(group)
        finally:
            # Whoever leads was killed, and the others cannot know how far it came.
            for each in group:
                if not each.is_settled:
                    each.error = _unknown()
                    each.is_settled = True

    def _settle(self, group: list[_Waiting[T]]) -> None:
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
            each.is_settled = True

    def _commit(self, group: list[_Waiting[T]]) -> None:
        with self._database.writing() as connection:
            take_turn(connection)
            # Not before: others have come while this process waited for its turn.
            group += [] if group else self._take()
            for each in group:
                each.result = self._do(each, connection, is_alone=len(group) == 1)
            recorded = self._record(connection, [cast(T, each.result) for each in group])
        self._publish(recorded)

    def _do(self, each: _Waiting[T], connection: Connection, *, is_alone: bool) -> T:
        try:
            return each.context.run(each.work, connection)
        except OperationalError:
            raise  # It is the database that fails, for all of them.
        except Exception as error:
            if is_alone:
                raise
            raise _OneOfManyError from error

    def _take(self) -> list[_Waiting[T]]:
        return [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_GROUP))]


def _unknown() -> CommitLostError:
    reason: Any = RuntimeError("whoever committed for others was stopped")
    return CommitLostError("COMMIT", None, reason)

"""Group commit: writers that wait for the database at the same time share one transaction.

Whoever leads waits for the database, then stores what all who wait want to store, with one commit
and one sync. Nobody goes on before that commit, and each gets its own result or its own error. If
something cannot be stored, nothing of the group is, and then each alone.
"""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from middleware.spans import span
from ngw2f.observe.tracing import request_id
from ngw2f.store.database import CommitLostError, Database
from ngw2f.store.order import take_turn
from ngw2f.together import Item, Result, Together, Waiting

News = TypeVar("News")

# How many other requests a leader names in its X-ray.
MAX_NAMED = 5


class _OneOfManyError(Exception):
    """Something in a group cannot be stored."""


class GroupCommit(Together[Item, Result], Generic[Item, Result, News]):
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
        super().__init__()
        self._database = database
        self._store = store
        self._publish = publish

    def _act(self, group: list[Waiting[Item, Result]]) -> None:
        try:
            self._commit(group)
        except _OneOfManyError:
            for each in group:
                self._settle([each])

    def _commit(self, group: list[Waiting[Item, Result]]) -> None:
        with span("commit", "for all who wait") as work:
            results, news = self._write(group)
            others = [each.request_id for each in group if each.request_id != request_id.get()]
            work.set(writes=len(group))
            if others:
                # Their statements are in this request's X-ray.
                work.set(others=", ".join(others[:MAX_NAMED]))
        for each, result in zip(group, results, strict=True):
            each.result = result
            each.settled_by = request_id.get()
        self._publish(news)

    def _write(self, group: list[Waiting[Item, Result]]) -> tuple[Sequence[Result], News]:
        """Store what the group wants, in one transaction."""
        with self._database.writing() as connection:
            take_turn(connection)
            # Not before: others have come while this process waited for its turn.
            group += [] if group else self._take()
            try:
                return self._store(connection, [each.item for each in group])
            except OperationalError:
                raise  # It is the database that fails, for all of them.
            except Exception as error:
                if len(group) == 1:
                    raise
                raise _OneOfManyError from error

    def _request_id(self) -> str:
        return request_id.get()

    def _note(self, own: Waiting[Item, Result]) -> None:
        if own.settled_by not in ("", own.request_id):
            with span("commit", "by another request, with its own") as work:
                work.set(request_id=own.settled_by)

    def _after_kill(self) -> Exception:
        reason: Any = RuntimeError("the request that committed for this one was stopped")
        return CommitLostError("COMMIT", None, reason)

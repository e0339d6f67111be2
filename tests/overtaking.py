"""Two transactions at the same time on PostgreSQL, of which the first one commits later."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from ngw2f.store.database import Database
from tests.waiting import wait_until

Write = Callable[[Connection, int], object]


def is_waiting(database: Database) -> bool:
    """Say whether a transaction waits for another one's lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with database.asking() as connection:
        return bool(connection.scalar(text(f"{waiting} AND datname = current_database()")))


@contextmanager
def overtaken(database: Database, write: Write) -> Iterator[Connection]:
    """Write twice; in the block the first is not committed, and the second has done what it can."""
    failures = []

    def write_second() -> None:
        try:
            with database.writing() as connection:
                write(connection, 1)
        except Exception as error:
            failures.append(error)

    second = threading.Thread(target=write_second)
    with database.writing() as connection:
        write(connection, 0)
        second.start()
        wait_until(lambda: not second.is_alive() or is_waiting(database))
        yield connection
    second.join(60)
    assert not failures

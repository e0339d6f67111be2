"""The outbox: messages that are stored and wait to be rendered."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from ngw2f.jobs.turns import file_lock
from ngw2f.live.log import EventLog
from ngw2f.resources import Message
from ngw2f.store import messages
from ngw2f.store.database import Database
from ngw2f.store.events import Run
from ngw2f.store.previews import attach_links
from ngw2f.text.links import find_links

MAX_BATCH = 250
# What is rendered is stored and told of after so long, whatever still waits.
MAX_BATCH_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message as it was read, what became of it, and the links in that."""

    version: int
    message: Message
    html: str
    links: list[str]


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages that are stored and told of, and whether some have links to be fetched."""

    messages: list[Message]
    has_due_links: bool


class Outbox:
    """Hand out what waits in batches, each message to one worker at a time."""

    def __init__(self, database: Database, events: EventLog, data_path: Path) -> None:
        self._database = database
        self._events = events
        self._lock_path = data_path / "outbox.lock"

    def render_batch(self, render: Callable[[str], str]) -> Batch | None:
        """Render the oldest messages that wait, and return those that are now stored and told of.

        None: nothing waits. A message that was edited or deleted meanwhile is not
        among them; the edited one waits again.
        """
        with self._exclusive() as connection:
            waiting = messages.list_unrendered(
                connection, MAX_BATCH, skip_locked=not self._database.is_sqlite
            )
            if not waiting:
                return None
            rendered = _render(waiting, render)
            if self._database.is_sqlite:
                with self._database.writing() as writer:
                    batch, run = self._store(writer, rendered)
            else:
                batch, run = self._store(connection, rendered)
        self._events.publish(run)
        return batch

    def _store(self, connection: Connection, rendered: list[Rendered]) -> tuple[Batch, Run]:
        read = [(each.version, each.message) for each in rendered]
        unchanged = messages.list_unchanged(connection, read)
        kept = [each for each in rendered if each.message.id in unchanged]
        links = {each.message.id: each.links for each in kept if each.links}
        shown, is_due = attach_links(connection, links, time.time())
        stored = messages.set_rendered(
            connection,
            [(each.message, each.html, shown.get(each.message.id, ())) for each in kept],
        )
        return Batch(stored, is_due), self._events.record(connection, "message.updated", *stored)

    @contextmanager
    def _exclusive(self) -> Iterator[Connection]:
        """Give a connection on which rows are taken that no other worker has.

        PostgreSQL locks the rows themselves. SQLite cannot, and its one write lock
        must not be held while Markdown works: there the workers of the machine
        take turns by a file's lock, which a killed one cannot keep.
        """
        if not self._database.is_sqlite:
            with self._database.writing() as connection:
                yield connection
            return
        with file_lock(self._lock_path), self._database.reading() as connection:
            yield connection


def _render(waiting: list[tuple[int, Message]], render: Callable[[str], str]) -> list[Rendered]:
    rendered = []
    end = time.monotonic() + MAX_BATCH_SECONDS
    for version, message in waiting:
        html = render(message.source)
        rendered.append(Rendered(version, message, html, find_links(html)))
        if time.monotonic() > end:
            break
    return rendered

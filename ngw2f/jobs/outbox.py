"""The outbox: stored messages that wait to be rendered."""

import logging
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection

from ngw2f.api_resources import Message
from ngw2f.crash_marks import CrashMark, left_by_crashes
from ngw2f.jobs.shares import Shares
from ngw2f.links.find import find_links
from ngw2f.live.log import EventLog
from ngw2f.locks import file_lock
from ngw2f.observe.tracing import following
from ngw2f.store import messages, render_queue, search, tasks
from ngw2f.store.database import Database
from ngw2f.store.events import Run
from ngw2f.store.mentions import find_mentions, store_mentions
from ngw2f.store.message_links import attach_links
from ngw2f.store.render_queue import MAX_ATTEMPTS

MAX_BATCH = 250
# A batch is stored and published after this long, even if more messages wait.
MAX_BATCH_SECONDS = 0.05

SET_ASIDE = (
    "the message is stored, and shown as it was typed; rendering it has failed "
    f"{MAX_ATTEMPTS} times, and is not tried again until it is edited"
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message as it was read, its HTML, and the links in it."""

    version: int
    message: Message
    html: str
    links: list[str]


@dataclass(frozen=True, slots=True)
class Batch:
    """A stored and published batch of messages.

    `has_due_links` says whether links in it need fetching, `failed` maps the ids of messages
    that could not be rendered to their errors, and `request_ids` names the request that posted
    each message. `event_ids` are those of the events, in the order of the messages. `began_at` is
    when it was read, a Unix time, and `waited` how many seconds each message had waited then.
    """

    messages: list[Message]
    has_due_links: bool
    failed: dict[int, Exception]
    request_ids: dict[int, str]
    event_ids: list[int]
    began_at: float
    waited: dict[int, float]


class Outbox:
    """Render waiting messages in batches, each message in one worker at a time."""

    def __init__(self, database: Database, events: EventLog, data_path: Path) -> None:
        self._database = database
        self._events = events
        self._lock_path = data_path / "outbox.lock"
        self._marks_path = data_path / "marks"
        self._mark = CrashMark(self._marks_path)
        self._shares = Shares()

    def close(self) -> None:
        self._mark.close()

    def note_crashes(self) -> None:
        """Count a failed attempt for each message that a worker was rendering when it died."""
        with left_by_crashes(self._marks_path) as message_ids:
            if message_ids:
                with self._database.writing() as connection:
                    for message_id in message_ids:
                        log.warning("a worker died while rendering message %d", message_id)
                        _count_attempt(connection, message_id)

    def render_batch(
        self, render: Callable[[str], str], exclude_ids: Collection[int] = ()
    ) -> Batch | None:
        """Render, store and publish a batch of waiting messages, except *exclude_ids*.

        Return None if nothing waits. The batch leaves out messages that were edited or deleted
        meanwhile; edited ones wait again.
        """
        with self._exclusive() as connection:
            waiting = messages.list_unrendered(
                connection,
                MAX_BATCH,
                skip_locked=not self._database.is_sqlite,
                exclude_ids=exclude_ids,
            )
            if not waiting:
                return None
            began_at = time.time()
            ids = messages.request_ids_of(connection, [message.id for _, message in waiting])
            rendered, failed = self._render(waiting, ids, render)
            # Before anything is written, which would keep others from writing.
            rendered = _with_mentions(connection, rendered)
            if self._database.is_sqlite:
                with self._database.writing() as writer:
                    stored, is_due, run = self._store(writer, rendered, failed)
            else:
                stored, is_due, run = self._store(connection, rendered, failed)
        self._events.publish(run)
        waited = {message.id: began_at - message.updated_at for _, message in waiting}
        event_ids = [event.id for event in run.events]
        return Batch(stored, is_due, failed, ids, event_ids, began_at, waited)

    def _render(
        self,
        waiting: list[tuple[int, Message]],
        request_ids: dict[int, str],
        render: Callable[[str], str],
    ) -> tuple[list[Rendered], dict[int, Exception]]:
        rendered: list[Rendered] = []
        failed: dict[int, Exception] = {}
        end = time.monotonic() + MAX_BATCH_SECONDS
        with closing(self._shares.in_turn(waiting, _author)) as in_turn:
            for version, message in in_turn:
                self._mark.set(message.id)
                try:
                    with following(request_ids.get(message.id, "")):
                        html = render(message.source)
                    rendered.append(Rendered(version, message, html, find_links(html)))
                except Exception as error:  # A failing message must not stop the others.
                    failed[message.id] = error
                if time.monotonic() > end:
                    break
        self._mark.set(0)
        return rendered, failed

    def _store(
        self, connection: Connection, rendered: list[Rendered], failed: dict[int, Exception]
    ) -> tuple[list[Message], bool, Run]:
        for message_id in failed:
            _count_attempt(connection, message_id)
        read = [(each.version, each.message) for each in rendered]
        unchanged = messages.list_unchanged(connection, read)
        kept = [each for each in rendered if each.message.id in unchanged]
        links = {each.message.id: each.links for each in kept if each.links}
        shown, is_due = attach_links(connection, links, time.time())
        stored = messages.set_rendered(
            connection,
            [(each.message, each.html, shown.get(each.message.id, ())) for each in kept],
        )
        store_mentions(connection, stored)
        search.index_messages(connection, len(stored))
        run = self._events.record(connection, "message.updated", *stored)
        return stored, is_due, run

    @contextmanager
    def _exclusive(self) -> Iterator[Connection]:
        """Yield a connection on which no other worker takes the same rows.

        PostgreSQL locks the rows themselves. SQLite cannot, and its one write lock must not be
        held during rendering, so the machine's workers exclude each other with a file lock, which
        a killed process cannot keep.
        """
        if not self._database.is_sqlite:
            with self._database.writing() as connection:
                yield connection
            return
        with file_lock(self._lock_path), self._database.reading() as connection:
            yield connection


def _with_mentions(connection: Connection, rendered: list[Rendered]) -> list[Rendered]:
    found = find_mentions(connection, [(each.message, each.html) for each in rendered])
    return [
        replace(each, message=message, html=html)
        for each, (message, html) in zip(rendered, found, strict=True)
    ]


def _author(waiting: tuple[int, Message]) -> int:
    return waiting[1].user_id


def _count_attempt(connection: Connection, message_id: int) -> None:
    """Count a failure; the last one sets the message aside, as it is, and fails its task."""
    if render_queue.count_attempt(connection, message_id):
        search.queue_message(connection, message_id)
        log.error("message %d is set aside: rendering it keeps failing", message_id)
        tasks.fail_message(connection, message_id, SET_ASIDE)

"""The outbox of links: previews that wait to be fetched, and storing their results."""

import logging
import time
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from sqlalchemy import Connection

from ngw2f.broker.follow_ups import FollowUps
from ngw2f.crash_marks import CrashMark, left_by_crashes
from ngw2f.links.follow_ups import follow_ups_of
from ngw2f.links.guard.errors import LinkRefused
from ngw2f.links.outcome import Visit
from ngw2f.live.log import EventLog
from ngw2f.locks import try_lock
from ngw2f.store import messages, previews
from ngw2f.store.database import Database
from ngw2f.store.events import Run
from ngw2f.store.previews import DuePreview, Schedule

# Any number that no other program on the same PostgreSQL server is likely to use.
ADVISORY_LOCK = 0x6E677734

# A refusal is permanent; the row is kept for a week.
REFUSED_SECONDS = 7 * 86_400
# Delays of retries after a failure. Then the link is left until somebody posts it again, a day
# later at the earliest.
RETRY_SECONDS = (300, 3_600)
# Shorter after a crash, which may have been an operator's kill and not the link's fault.
RETRY_AFTER_DEATH_SECONDS = (1, 5)
FAILED_SECONDS = 86_400
# A link may appear in any number of messages: this many are updated at a time, the newest
# first, and new results are stored in between.
MAX_TOLD = 500


log = logging.getLogger(__name__)


class LinkOutbox:
    """List waiting links, for one process at a time, and store their results."""

    def __init__(
        self,
        database: Database,
        events: EventLog,
        data_path: Path,
        follow_ups: FollowUps | None = None,
    ) -> None:
        self._database = database
        # Where to note what is done for requests that are recorded; None: no request is.
        self._follow_ups = follow_ups
        self._events = events
        self._lock_path = data_path / "links.lock"
        self._marks_path = data_path / "link-marks"
        self._mark = CrashMark(self._marks_path)

    def close(self) -> None:
        self._mark.close()

    def note(self, preview_id: int) -> None:
        """Record in the crash mark which link this process reads; 0 means none."""
        self._mark.set(preview_id)

    def note_crashes(self) -> None:
        """Count a failure for each link that a process was reading when it died."""
        with left_by_crashes(self._marks_path) as preview_ids:
            if preview_ids:
                with self._database.writing() as connection:
                    for preview_id in preview_ids:
                        log.warning("a process died while reading link %d", preview_id)
                        failures = previews.failures_of(connection, preview_id)
                        schedule = _after_failure(failures, time.time(), RETRY_AFTER_DEATH_SECONDS)
                        previews.set_schedule(connection, preview_id, schedule)

    def lock(self) -> AbstractContextManager[bool]:
        """Try to take the fetch lock for a `with` block, which gets whether it succeeded.

        So a link is fetched once, and a site gets no more connections than its limit, without
        marks on rows that a killed worker would leave behind.
        """
        return try_lock(self._database.engine, self._lock_path, ADVISORY_LOCK)

    def list_due(
        self, limit: int, exclude_ids: Collection[int], exclude_sites: Collection[str]
    ) -> list[DuePreview]:
        with self._database.asking() as connection:
            return previews.list_due(connection, time.time(), limit, exclude_ids, exclude_sites)

    def has_due(self) -> bool:
        """Return whether there are links to fetch or messages to update."""
        with self._database.asking() as connection:
            is_due = previews.has_due(connection, time.time())
            return is_due or previews.has_unnotified(connection)

    def has_unnotified(self) -> bool:
        with self._database.asking() as connection:
            return previews.has_unnotified(connection)

    def store(self, visited: Sequence[tuple[DuePreview, Visit]]) -> bool:
        """Store results, and publish updates of messages whose previews changed.

        Return whether more such messages remain; call again for them, even with no results.
        """
        request_ids: dict[int, str] = {}
        posted_by: dict[int, str] = {}
        with self._database.writing() as connection:
            # In id order, in which the render job locks them too.
            for due, visit in sorted(visited, key=lambda each: each[0].id):
                _store(connection, due, visit)
            message_ids = previews.take_unnotified(connection, MAX_TOLD)
            told, run = self._record(connection, message_ids)
            if visited and (self._follow_ups or log.isEnabledFor(logging.INFO)):
                ids = [due.id for due, _ in visited]
                request_ids = previews.request_ids_of(connection, ids)
            if self._follow_ups:
                posted_by = messages.request_ids_of(connection, told)
        self._events.publish(run)
        if self._follow_ups:
            of_events = [posted_by.get(message_id, "") for message_id in told]
            self._follow_ups.add(follow_ups_of(visited, request_ids, run, of_events))
        for due, visit in visited:
            _log(due, visit, request_ids.get(due.id) or "-")
        return len(message_ids) == MAX_TOLD

    def _record(self, connection: Connection, message_ids: list[int]) -> tuple[list[int], Run]:
        """Record an event for each message that still exists; return their ids, and the events."""
        if message_ids:
            messages.touch_messages(connection, message_ids)
        loaded = messages.load_messages(connection, message_ids)
        told = [message for _, message in loaded]
        run = self._events.record(connection, "message.updated", *told)
        return [message.id for message in told], run


def _log(due: DuePreview, visit: Visit, request_id: str) -> None:
    """Log a link's result, without its path, which may contain a secret."""
    fields = {
        "preview_id": due.id,
        "site": due.site,
        "result": "fetched" if visit.error is None else f"failed: {type(visit.error).__name__}",
        "request_id": request_id,
    }
    log.info("link %(preview_id)d to %(site)s %(result)s %(request_id)s", fields)


def _store(connection: Connection, due: DuePreview, visit: Visit) -> None:
    now = time.time()
    if visit.error is None:
        schedule = Schedule(now + visit.lifetime_seconds)
        previews.set_content(connection, due.id, visit.content, schedule)
    elif isinstance(visit.error, LinkRefused):
        schedule = Schedule(now + REFUSED_SECONDS)
        previews.set_content(connection, due.id, visit.content, schedule)
    else:
        previews.set_schedule(connection, due.id, _after_failure(due.failures, now, RETRY_SECONDS))


def _after_failure(failures: int, now: float, retry_seconds: Sequence[int]) -> Schedule:
    """Return when to retry; the previous preview stays until then."""
    if failures < len(retry_seconds):
        due_at = now + retry_seconds[failures]
        return Schedule(due_at, due_at, failures + 1)
    return Schedule(now + FAILED_SECONDS)

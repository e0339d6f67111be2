"""The link job: fetch what waits, many links at once, each stored as soon as it is there.

A fetch that works takes a seat, of which there are 32. One that waits for its site to
answer has none, however long that takes; what has dawdled for a quarter of a second with
anything else has none either. So nobody waits for a slow site. A waiting fetch costs 30 kB,
and there are never more than four at one site. When many wait, those that come after them
get less time, so that there is always room for the next.
"""

import logging
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from sqlalchemy.exc import OperationalError

from ngw2f.jobs.context import JobContext, current_context
from ngw2f.links.guard.errors import LinkRefused
from ngw2f.links.guard.sites import MAX_AT_SITE
from ngw2f.links.outbox import LinkOutbox
from ngw2f.links.visit import PATIENT, Patience, Visit, Visitor
from ngw2f.observe.metrics.families import FETCH_SECONDS
from ngw2f.store.database import DatabaseBusyError
from ngw2f.store.previews import DuePreview

MAX_SEATED = 32
SLOW_SECONDS = 0.25
# While so many are on their way, a new one has less time: sites that nobody else waits for
# have ten seconds, and a flood of links that hang keeps no other waiting.
MAX_PATIENT = 128
HURRIED = Patience(answer_seconds=1.5, seconds=3.0)
MAX_FETCHES = 512
# How often it looks for new links while others are on their way.
LOOK_SECONDS = 0.05
# Then the worker shall see what else there is, and whether it is told to stop.
MAX_ROUND_SECONDS = 60.0
# Told to stop, it starts nothing more, and gives so long to what is on its way.
STOP_SECONDS = 2.0

log = logging.getLogger(__name__)


def fetch_links() -> int:
    """Fetch all that waits, by a process of its own where there is one; return how many."""
    context = current_context.get()
    if context.call_deputy:
        return context.call_deputy(context.stopping)
    return fetch_here()


def fetch_here() -> int:
    """Fetch all that waits and return how many links that were.

    Whoever comes while another process fetches may leave: that one looks once more
    after it has given up its turn.
    """
    context = current_context.get()
    context.link_bell.silence()
    count = 0
    while context.link_outbox.has_due() and not context.stopping.is_set():
        with context.link_outbox.turn() as has_turn:
            if not has_turn:
                return count
            context.link_outbox.note_deaths()
            count += Round(context).run(time.monotonic() + MAX_ROUND_SECONDS)
        context.link_bell.silence()
    return count


@dataclass(slots=True)
class Fetch:
    """A fetch on its way. Its own thread tells by `trace` what it is at."""

    due: DuePreview
    patience: Patience
    seated_until: float = field(default_factory=lambda: time.monotonic() + SLOW_SECONDS)

    def trace(self, check: str, _found: str) -> None:
        """Leave the seat when it is for the site to answer; take one when it does."""
        if check == "connect":
            self.seated_until = 0.0
        elif check == "status":
            self.seated_until = time.monotonic() + SLOW_SECONDS


def _outcome(visit: Visit) -> str:
    if visit.error is None:
        return "fetched"
    return "refused" if isinstance(visit.error, LinkRefused) else "failed"


class Round:
    """Fetches in threads of their own, started and stored by the job's."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._outbox: LinkOutbox = context.link_outbox
        self._visitor: Visitor = context.visitor
        self._running: dict[int, Fetch] = {}
        # With the seconds that each took.
        self._finished: SimpleQueue[tuple[DuePreview, Visit, float]] = SimpleQueue()
        self._unstored: list[tuple[DuePreview, Visit]] = []
        # Whether messages have still to be told; one that was killed may have left some.
        self._has_untold = self._outbox.has_untold()

    def run(self, end: float) -> int:
        """Go on until nothing waits, or the time is over; return how many links were fetched."""
        count = 0
        while True:
            self._context.link_bell.hold()
            is_open = time.monotonic() < end and not self._context.stopping.is_set()
            if is_open:
                self._start_due()
            if not self._running and not (self._has_work() and is_open):
                # What cannot be stored for so long is fetched again.
                return count
            self._collect()
            count += self._store()
            if self._context.stopping.is_set():
                end = min(end, time.monotonic() + STOP_SECONDS)
                if time.monotonic() >= end:
                    return count

    def _has_work(self) -> bool:
        return bool(self._unstored) or self._has_untold

    def _start_due(self) -> None:
        """Start as many as there are seats for; a locked database has nothing to start."""
        while free := self._count_free():
            try:
                started = [due for due in self._list_startable(free) if self._start(due)]
            except OperationalError as error:
                log.warning("the links that wait cannot be read: %s", error.orig)
                return
            if not started:
                return

    def _count_free(self) -> int:
        now = time.monotonic()
        seated = sum(fetch.seated_until > now for fetch in self._running.values())
        return max(0, min(MAX_SEATED - seated, MAX_FETCHES - len(self._running)))

    def _list_startable(self, limit: int) -> list[DuePreview]:
        at_sites = Counter(fetch.due.site for fetch in self._running.values())
        full = [site for site, count in at_sites.items() if count >= MAX_AT_SITE]
        taken = [*self._running, *(due.id for due, _ in self._unstored)]
        return self._outbox.list_due(limit, taken, full)

    def _start(self, due: DuePreview) -> bool:
        at_site = sum(fetch.due.site == due.site for fetch in self._running.values())
        if at_site >= MAX_AT_SITE:
            return False
        fetch = Fetch(due, HURRIED if len(self._running) >= MAX_PATIENT else PATIENT)
        self._running[due.id] = fetch
        # Not waited for when the process ends: what is not stored is fetched again.
        threading.Thread(target=self._visit, args=[fetch], daemon=True).start()
        return True

    def _visit(self, fetch: Fetch) -> None:
        began_at = time.monotonic()
        visit = self._visitor.visit(fetch.due.url, fetch.patience, fetch.trace, fetch.due.id)
        self._finished.put((fetch.due, visit, time.monotonic() - began_at))

    def _collect(self) -> None:
        """Wait a moment for fetches that end, and take all of them that have."""
        timeout: float = 0.0 if self._has_untold else LOOK_SECONDS
        while True:
            try:
                due, visit, seconds = self._finished.get(timeout=timeout)
            except Empty:
                return
            self._context.core.tally.observe(FETCH_SECONDS, seconds, _outcome(visit))
            del self._running[due.id]
            self._unstored.append((due, visit))
            timeout = 0.0

    def _store(self) -> int:
        """Store what has ended, or keep it for the next time while the database is locked."""
        if not self._has_work():
            return 0
        try:
            self._has_untold = self._outbox.store(self._unstored)
        except (DatabaseBusyError, OperationalError) as error:
            log.warning("previews wait to be stored: %s", str(error).splitlines()[0])
            return 0
        count = len(self._unstored)
        self._unstored.clear()
        return count

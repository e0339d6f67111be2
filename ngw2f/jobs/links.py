"""The link job: fetch waiting links concurrently, and store each result within a moment.

Meanwhile uploaded pictures get small ones (pictures.py).

An active fetch takes one of 32 seats. A fetch that waits for its site to answer takes none,
however long that lasts, nor does one that has spent a quarter of a second on anything else. So
slow sites delay nobody. A waiting fetch costs 30 kB, and there are at most four per site. When
many wait, new ones get less time, so that there is always room for the next.
"""

import logging
import math
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from queue import Empty, Queue

from sqlalchemy.exc import OperationalError

from ngw2f.jobs.context import JobContext, current_context
from ngw2f.jobs.wakeup import FLAG_MILLISECONDS
from ngw2f.links.guard.errors import LinkRefused
from ngw2f.links.guard.sites import MAX_AT_SITE
from ngw2f.links.outbox import LinkOutbox
from ngw2f.links.outcome import Patience, Visit
from ngw2f.observe.metrics.families import FETCH_SECONDS
from ngw2f.store.database import DatabaseBusyError
from ngw2f.store.previews import DuePreview

MAX_SEATED = 32
SLOW_SECONDS = 0.25
# While this many are in flight, a new one gets less than the usual time, so that a flood
# of hanging links delays no others.
MAX_PATIENT = 128
HURRIED = Patience(answer_seconds=1.5, seconds=3.0)
MAX_FETCHES = 512
# How often to look for new links while others are in flight.
LOOK_SECONDS = 0.05
# Well before the flag expires.
RENEW_SECONDS = FLAG_MILLISECONDS / 4_000
# A flood of links leaves the database and the processors to those who post: few results are stored
# at a time, with one commit, and then others have the database for three times as long, and more
# results come.
MAX_STORED = 16
OTHERS_SHARE = 3
MIN_PAUSE_SECONDS = 0.05
# Part of what storing takes is the wait for others, and links must not wait for ever.
MAX_PAUSE_SECONDS = 1.0
# No fetch is started while this many results wait to be stored: each may have a thumbnail, and
# after a kill they would be fetched again.
MAX_UNSTORED = 16
# After this the worker checks for other jobs and for a stop request.
MAX_ROUND_SECONDS = 60.0
# After this time, a flood of links continues in the next job: RQ ends one that takes 300 s.
MAX_SECONDS = 180.0
# On a stop request no fetch is started, and those in flight get this long.
STOP_SECONDS = 2.0

log = logging.getLogger(__name__)


def fetch_links() -> int:
    """Fetch all waiting links, in the fetch process if there is one; return how many."""
    context = current_context.get()
    if not context.call_fetch_process:
        return fetch_here()
    # As there. Workers are woken at their start, too: most of their children are never needed.
    context.link_wakeup.clear_flag()
    return context.call_fetch_process(context.stopping) if _has_due(context) else 0


def fetch_here() -> int:
    """Fetch all waiting links in this process and return how many there were.

    If another process holds the lock, return: that process looks again after releasing it.
    """
    context = current_context.get()
    context.link_wakeup.clear_flag()
    count = 0
    end = time.monotonic() + MAX_SECONDS
    while _has_due(context) and not context.stopping.is_set():
        with context.link_outbox.lock() as has_lock:
            if not has_lock:
                return count
            context.link_outbox.note_crashes()
            count += Round(context).run(time.monotonic() + MAX_ROUND_SECONDS)
        context.link_wakeup.clear_flag()
        if time.monotonic() > end and _has_due(context):
            context.link_wakeup.wake_again()
            break
    return count


def _has_due(context: JobContext) -> bool:
    return context.link_outbox.has_due() or context.pictures.has_due()


@dataclass(slots=True)
class Fetch:
    """A fetch in flight. Its own thread reports its progress through `trace`."""

    due: DuePreview
    patience: Patience | None
    seated_until: float = field(default_factory=lambda: time.monotonic() + SLOW_SECONDS)

    def trace(self, check: str, _found: str) -> None:
        """Return up the seat while waiting for the site; take one when it answers."""
        if check == "connect":
            self.seated_until = 0.0
        elif check == "status":
            self.seated_until = time.monotonic() + SLOW_SECONDS


def _outcome(visit: Visit) -> str:
    if visit.error is None:
        return "fetched"
    return "refused" if isinstance(visit.error, LinkRefused) else "failed"


class Round:
    """Fetches in their own threads, started and stored by the job's thread."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._outbox: LinkOutbox = context.link_outbox
        self._preview_fetcher = context.fetching.preview_fetcher
        self._running: dict[int, Fetch] = {}
        # With the duration of each in seconds. No SimpleQueue: a signal at the end of a wait makes
        # that endless in CPython 3.11, and a stop comes as signals.
        self._finished: Queue[tuple[DuePreview, Visit, float]] = Queue()
        self._unstored: list[tuple[DuePreview, Visit]] = []
        self._store_again_at = -math.inf
        self._renew_at = -math.inf
        # Whether messages still need an update; a killed process may have left some.
        self._has_unnotified = self._outbox.has_unnotified()

    def run(self, end: float) -> int:
        """Fetch until nothing waits, or until *end*; return how many links were fetched."""
        count = 0
        while True:
            self._renew_flag()
            is_open = time.monotonic() < end and not self._context.stopping.is_set()
            if is_open:
                self._start_due()
                self._context.pictures.start()
            if not self._running and not self._has_work():
                return count
            self._collect()
            count += self._store(is_open=is_open)
            if not self._running and not is_open:
                # Results that could not be stored are fetched again.
                return count
            if self._context.stopping.is_set():
                end = min(end, time.monotonic() + STOP_SECONDS)
                if time.monotonic() >= end:
                    return count

    def _renew_flag(self) -> None:
        now = time.monotonic()
        if now >= self._renew_at:
            self._renew_at = now + RENEW_SECONDS
            self._context.link_wakeup.renew_flag()

    def _has_work(self) -> bool:
        return bool(self._unstored) or self._has_unnotified or self._context.pictures.is_busy

    def _start_due(self) -> None:
        """Start as many fetches as there are seats; none if the database is locked."""
        while free := self._count_free():
            try:
                started = [due for due in self._list_startable(free) if self._start(due)]
            except OperationalError as error:
                log.warning("reading waiting links failed: %s", error.orig)
                return
            if not started:
                return

    def _count_free(self) -> int:
        if len(self._unstored) >= MAX_UNSTORED:
            return 0
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
        fetch = Fetch(due, HURRIED if len(self._running) >= MAX_PATIENT else None)
        self._running[due.id] = fetch
        # A daemon, so that it does not delay exit: a result not stored is fetched again.
        threading.Thread(target=self._visit, args=[fetch], daemon=True).start()
        return True

    def _visit(self, fetch: Fetch) -> None:
        began_at = time.monotonic()
        visit = self._preview_fetcher.visit(
            fetch.due.url, fetch.patience, fetch.trace, fetch.due.id
        )
        self._finished.put((fetch.due, visit, time.monotonic() - began_at))

    def _collect(self) -> None:
        """Wait briefly for fetches to end, and collect all that have ended."""
        timeout = LOOK_SECONDS
        if self._has_work():
            timeout = max(0.0, min(timeout, self._store_again_at - time.monotonic()))
        while True:
            try:
                due, visit, seconds = self._finished.get(timeout=timeout)
            except Empty:
                return
            self._context.core.tally.observe(FETCH_SECONDS, seconds, _outcome(visit))
            del self._running[due.id]
            self._unstored.append((due, visit))
            timeout = 0.0

    def _store(self, *, is_open: bool) -> int:
        """Store collected results, or keep them if the database is locked; all if this is the end.

        Return how many were stored.
        """
        began_at = time.monotonic()
        if not self._has_work() or (is_open and began_at < self._store_again_at):
            return 0
        results = self._unstored[:MAX_STORED] if is_open else self._unstored
        try:
            self._has_unnotified = self._outbox.store(results)
        except (DatabaseBusyError, OperationalError) as error:
            log.warning("storing previews failed, will retry: %s", str(error).splitlines()[0])
            self._store_again_at = time.monotonic() + LOOK_SECONDS
            return 0
        ended_at = time.monotonic()
        pause = max(OTHERS_SHARE * (ended_at - began_at), MIN_PAUSE_SECONDS)
        self._store_again_at = ended_at + min(pause, MAX_PAUSE_SECONDS)
        self._unstored = self._unstored[len(results) :]
        return len(results)

"""The hub: it reads the stream once per process and delivers it to all subscribers.

It also returns what a client missed, from memory or the database.
"""

import itertools
import logging
import time
from collections import Counter
from collections.abc import Callable

import gevent
from gevent.lock import BoundedSemaphore
from sqlalchemy.exc import SQLAlchemyError

from ngw2f.live.access import Access
from ngw2f.live.choice import EVERYTHING, Choice
from ngw2f.live.entry import REVOKED, Entry, EntryId, Form, entry_of
from ngw2f.live.feed import Feed
from ngw2f.live.liveness import Liveness
from ngw2f.live.log import EventLog
from ngw2f.live.payloads import decode_revocation
from ngw2f.live.reader import StreamReader
from ngw2f.live.recent import MAX_BYTES, RecentEvents
from ngw2f.live.subscription import Ending, Subscription
from ngw2f.settings import Settings
from ngw2f.store import events
from ngw2f.store.database import Database

# How many events, and bytes, are read from the database at the start.
LOADED = 2_000
LOADED_BYTES = MAX_BYTES // 2
# How many entries, and bytes, a client that was away gets at once: it may not read them.
PAGE = 200
PAGE_BYTES = 128 * 1024

# What the subscribers of a feed have in common: the form, the private rooms, the choice.
Key = tuple[str, frozenset[int], Choice]

log = logging.getLogger(__name__)


class Hub:
    """The subscriptions of one process, and how far in the stream they are served."""

    def __init__(self, settings: Settings, database: Database, log_: EventLog) -> None:
        self._database = database
        self._length = settings.stream_length
        self._reader = StreamReader(settings, database, log_, self)
        self._liveness = Liveness(self)
        self._listeners: list[Callable[[Entry], None]] = []
        self._greenlets: list[gevent.Greenlet] = []
        self._feeds: dict[Key, Feed] = {}
        self._subscriptions: set[Subscription] = set()
        self._by_user: dict[int, set[Subscription]] = {}
        self._numbers = itertools.count()
        self._recent = RecentEvents(EntryId(0))
        # One at a time reads missed events from the database.
        self._turn = BoundedSemaphore()
        # How many seconds the last read took.
        self._owed = 0.0
        self._is_loaded = False
        self.access = Access(database)
        self.is_draining = False
        # How many entries were delivered to clients, for /metrics.
        self.delivered = 0
        # The time of the last heartbeat tick: exact enough to tell which client has stalled.
        self.clock = time.monotonic()

    @property
    def position(self) -> EntryId:
        return self._recent.newest

    def listen(self, listener: Callable[[Entry], None]) -> None:
        """Call *listener* with every entry, before any subscriber gets it."""
        self._listeners.append(listener)

    def start(self) -> None:
        """Follow the stream, in the process that serves clients."""
        self.load()
        self._greenlets += [gevent.spawn(self._reader.run), gevent.spawn(self._liveness.run)]

    def load(self) -> None:
        """Begin at the newest event that is stored."""
        if not self._is_loaded:
            self._is_loaded = True
            self._load_recent()
            # Last, so that every private room in the recent events is known to be private.
            self.access.load()

    def stop(self) -> None:
        gevent.killall(self._greenlets)

    def drain(self) -> None:
        """Send all subscribers, present and future, to another worker."""
        self.is_draining = True
        for subscription in list(self._subscriptions):
            subscription.end(Ending.DRAINED)

    def subscribe(
        self,
        form: Form,
        user_id: int | None = None,
        digest: bytes | None = None,
        after: str | None = None,
        choice: Choice = EVERYTHING,
    ) -> Subscription:
        """Return a subscription to all events to come, or to all *after* an id.

        Of these it hears what is chosen, and only what the user may see.

        *digest* is the digest of the token by which the client is signed in.
        """
        self.load()
        feed = self._feed(form, choice.narrow(self.access.rooms_of(user_id)), choice)
        subscription = Subscription(self, next(self._numbers), form, feed, user_id, digest)
        feed.subscribers += 1
        self._subscriptions.add(subscription)
        if user_id is not None:
            self._by_user.setdefault(user_id, set()).add(subscription)
        if after is not None:
            subscription.resume(after)
        if self.is_draining:
            subscription.end(Ending.DRAINED)
        return subscription

    def forget(self, subscription: Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
            self._forget_user(subscription)
            self._leave(subscription)

    def deliver(self, entry: Entry) -> None:
        """Deliver the next entry of the stream."""
        if entry.id <= self.position:
            return
        for listener in self._listeners:
            listener(entry)
        try:
            self._update_access(entry)
        except SQLAlchemyError as error:
            log.error("access to private rooms cannot be checked: %s", error)
            # Rather nothing than what a user may no longer see.
            self._disconnect_users()
        self._frame_first(entry)
        if entry.user_id is not None:
            self._deliver_to(entry.user_id)
        self._recent.add(entry)
        for feed in self._feeds.values():
            if feed.includes(entry, self.access):
                feed.add(entry)

    def _deliver_to(self, user_id: int) -> None:
        """Have the user's subscribers read the next entry from the stream, as it is in no feed.

        So it takes its place among the others, and feeds are shared as before.
        """
        for subscription in self._by_user.get(user_id, ()):
            subscription.step_back()

    def _forget_user(self, subscription: Subscription) -> None:
        if subscription.user_id is not None:
            own = self._by_user[subscription.user_id]
            own.discard(subscription)
            if not own:
                del self._by_user[subscription.user_id]

    def _frame_first(self, entry: Entry) -> None:
        """Frame the entry in the forms that query the database for it.

        Other greenlets run meanwhile. So this comes before any subscriber can see the entry, and
        is repeated if a subscriber with another such form has come.
        """
        while forms := [
            feed.form
            for feed in self._feeds.values()
            if feed.form.queries
            and not entry.is_framed(feed.form)
            and feed.includes(entry, self.access)
        ]:
            for form in forms:
                try:
                    entry.frame(form)
                except Exception:
                    # The other forms must not suffer.
                    log.exception("event %s cannot be framed as %s", entry.id, form.name)
                    entry.replace(form)

    def entries_after(self, cursor: EntryId) -> list[Entry] | None:
        """Return a page of the entries after *cursor*.

        None if it is too old, or was never an id of ours.
        """
        if cursor > self.position:
            return None
        if cursor >= self._recent.floor:
            return self._recent.after(cursor, PAGE, PAGE_BYTES)
        with self._turn:
            # However many clients are far behind, at least half of the time is left to others.
            # The pause is before the read: after it, newer entries would be missing.
            gevent.sleep(self._owed)
            start = time.monotonic()
            page = self._stored_after(cursor)
            self._owed = time.monotonic() - start
        return page

    def reaches(self, cursor: EntryId) -> bool:
        """Return whether all events after *cursor* are still there."""
        if cursor > self.position:
            return self.is_stored(cursor)
        if cursor >= self._recent.floor:
            return True
        with self._database.reading() as connection:
            return cursor >= EntryId(events.oldest_cursor(connection, self._length))

    def _stored_after(self, cursor: EntryId) -> list[Entry] | None:
        with self._database.reading() as connection:
            if cursor < EntryId(events.oldest_cursor(connection, self._length)):
                return None
            run = events.list_events(connection, cursor.milliseconds, PAGE, PAGE_BYTES)
        floor = self._recent.floor
        page = [entry for entry in map(entry_of, run.events) if entry.id <= floor]
        return page or self._recent.after(floor, PAGE, PAGE_BYTES)

    def is_stored(self, cursor: EntryId) -> bool:
        with self._database.reading() as connection:
            return cursor.milliseconds <= events.last_id(connection)

    def user_ids(self) -> set[int]:
        """Return the users who are connected to this process."""
        return {each.user_id for each in self._subscriptions if each.user_id is not None}

    def streams(self) -> Counter[str]:
        """Return how many clients read in each form."""
        streams: Counter[str] = Counter()
        for feed in self._feeds.values():
            streams[feed.form.counted_as or feed.form.name] += feed.subscribers
        return streams

    def subscriptions(self) -> list[Subscription]:
        return list(self._subscriptions)

    def check_tokens(self, user_id: int | None = None) -> None:
        """End the subscriptions, of one user or of all, whose tokens are no longer valid."""
        checked = [
            each
            for each in self._subscriptions
            if each.digest and (user_id is None or each.user_id == user_id)
        ]
        good = self.access.good_tokens({each.digest for each in checked if each.digest})
        for subscription in checked:
            if subscription.digest not in good:
                subscription.end(Ending.REVOKED)

    def _update_access(self, entry: Entry) -> None:
        """Change who may see what, if that is what the entry says."""
        if entry.name == REVOKED:
            self.check_tokens(decode_revocation(entry.data).user_id)
            return
        room = self.access.note(entry)
        if room is None or not any(each.user_id for each in self._subscriptions):
            return
        members = self.access.members_of(room.id)
        for subscription in list(self._subscriptions):
            is_chosen = subscription.feed.choice.includes_room(room.id)
            is_heard = is_chosen and subscription.user_id in members
            if is_heard != (room.id in subscription.rooms):
                self._move(subscription, subscription.rooms ^ {room.id})

    def _disconnect_users(self) -> None:
        for subscription in self._subscriptions:
            if subscription.user_id is not None:
                subscription.end(Ending.DRAINED)

    def _move(self, subscription: Subscription, rooms: frozenset[int]) -> None:
        feed = self._feed(subscription.form, rooms, subscription.feed.choice)
        feed.subscribers += 1
        self._leave(subscription)
        subscription.move(feed)

    def _feed(self, form: Form, rooms: frozenset[int], choice: Choice) -> Feed:
        key = (form.name, rooms, choice)
        if key not in self._feeds:
            self._feeds[key] = Feed(form, rooms, self.position, choice=choice)
        return self._feeds[key]

    def _leave(self, subscription: Subscription) -> None:
        feed = subscription.feed
        feed.waiting.discard(subscription)
        feed.subscribers -= 1
        if not feed.subscribers:
            self._feeds.pop((feed.form.name, feed.rooms, feed.choice), None)

    def _load_recent(self) -> None:
        """Load the newest events, for clients that reconnect after a restart."""
        with self._database.reading() as connection:
            run = events.list_newest(connection, min(self._length, LOADED), LOADED_BYTES)
        self._recent = RecentEvents(EntryId(run.previous_id))
        for event in run.events:
            self._recent.add(entry_of(event))

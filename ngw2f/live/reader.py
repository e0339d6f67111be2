"""The one greenlet of a process that reads the stream."""

import logging
import time
from typing import Protocol, cast

import gevent
from redis import Redis
from redis.exceptions import OutOfMemoryError, RedisError
from sqlalchemy.exc import SQLAlchemyError

from ngw2f.broker.connection import connect
from ngw2f.live.entry import Entry, EntryId, entry_of
from ngw2f.live.log import EventLog
from ngw2f.settings import Settings
from ngw2f.store import events
from ngw2f.store.database import Database

# So long Redis holds a read back when there is nothing; then we look whether
# something is stored that nobody has appended.
BLOCK_MILLISECONDS = 1_000
# After so long without an answer the connection is given up.
TIMEOUT_SECONDS = 5.0
RETRY_SECONDS = 0.25
# So many entries are read at once, and about so many bytes.
MAX_ENTRIES = 250
MAX_BYTES = 1024 * 1024
# The pause after each read: what comes meanwhile is read, and written to every
# client, together with what follows. It is as long as the round of writes was that the
# read set off, within these bounds: so at most about half of the time goes into writes,
# and with more clients or events each write has more to carry.
PAUSE_SECONDS = 0.005
MAX_PAUSE_SECONDS = 0.03

Entries = list[tuple[bytes, dict[bytes, bytes]]]
Reply = list[tuple[bytes, Entries]]

log = logging.getLogger(__name__)


class Receiver(Protocol):
    """Who gets the entries: it knows the id of the last one."""

    @property
    def position(self) -> EntryId: ...

    def deliver(self, entry: Entry) -> None: ...


class StreamReader:
    """Read the stream, for as long as the process lives and whatever happens to Redis."""

    def __init__(
        self, settings: Settings, database: Database, events_: EventLog, receiver: Receiver
    ) -> None:
        self._settings = settings
        self._database = database
        self._events = events_
        self._receiver = receiver
        self._is_away = False
        self._count = MAX_ENTRIES

    def run(self) -> None:
        while True:
            try:
                with connect(self._settings, TIMEOUT_SECONDS) as redis:
                    self._events.catch_up(redis)
                    self._note_that_it_is_back()
                    self._follow(redis)
            except OutOfMemoryError as error:
                self._go_on_without(error)
            except (RedisError, SQLAlchemyError) as error:
                if not self._is_away:
                    log.warning("the stream cannot be read: %s", error)
                self._is_away = True
            except Exception:
                # Without this greenlet the process is deaf: it does not end.
                log.exception("the stream's reader stumbled; it goes on")
            gevent.sleep(RETRY_SECONDS)

    def _go_on_without(self, error: OutOfMemoryError) -> None:
        """Deliver what Redis has no memory for."""
        if not self._is_away:
            log.warning("the stream cannot be written: %s", error)
        self._is_away = True
        try:
            self._deliver_stored()
        except SQLAlchemyError as failure:
            log.warning("the stored events cannot be read: %s", failure)

    def _deliver_stored(self, before: int | None = None) -> None:
        """Deliver what is stored after our position, up to an event that we have."""
        while True:
            with self._database.reading() as connection:
                after = self._receiver.position.milliseconds
                run = events.list_events(connection, after, MAX_ENTRIES)
            for event in run.events:
                if before is not None and event.id >= before:
                    return
                self._receiver.deliver(entry_of(event))
            if not run.events:
                return
            gevent.sleep(0)

    def _note_that_it_is_back(self) -> None:
        if self._is_away:
            log.warning("the stream is back; going on after %s", self._receiver.position)
        self._is_away = False

    def _follow(self, redis: Redis) -> None:
        key = self._events.key
        position: bytes | str = str(self._receiver.position)
        while True:
            # The client's types know neither what RESP 2 answers nor that text is off.
            reply = cast(
                Reply | None, redis.xread({key: position}, self._count, BLOCK_MILLISECONDS)
            )
            if not reply:
                self._look_for_more(redis)
                continue
            position = reply[0][1][-1][0]
            gevent.sleep(self._hand_on(reply[0][1]))

    def _hand_on(self, entries: Entries) -> float:
        """Deliver what was read; return how long to pause after it."""
        start = time.monotonic()
        size = 0
        for entry_id, fields in entries:
            entry = Entry.of_fields(entry_id, fields)
            if entry is not None:
                size += len(entry.data)
                self._deliver(entry)
        self._count = max(1, min(MAX_ENTRIES, MAX_BYTES * len(entries) // max(size, 1)))
        # Goes on after those who waited for the entries, and have written them now.
        gevent.sleep(0)
        return min(max(time.monotonic() - start, PAUSE_SECONDS), MAX_PAUSE_SECONDS)

    def _deliver(self, entry: Entry) -> None:
        """Deliver an entry, and before it those that the stream has dropped."""
        previous_id = entry.previous_id
        if previous_id is not None and previous_id > self._receiver.position.milliseconds:
            log.warning("the stream was shorter than we were behind; reading what is stored")
            self._deliver_stored(entry.id.milliseconds)
        self._receiver.deliver(entry)

    def _look_for_more(self, redis: Redis) -> None:
        with self._database.reading() as connection:
            last_id = events.last_id(connection)
        if last_id > self._receiver.position.milliseconds:
            self._events.catch_up(redis)

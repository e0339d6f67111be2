"""The greenlet that reads the stream, one per process."""

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

# How long Redis waits for something to read; then we check whether an event is stored that
# nobody has appended.
BLOCK_MILLISECONDS = 1_000
# How long we wait for an answer before we reconnect.
TIMEOUT_SECONDS = 5.0
RETRY_SECONDS = 0.25
# How many entries, and about how many bytes, are read at once.
MAX_ENTRIES = 250
MAX_BYTES = 1024 * 1024
# The pause after each read, so that more entries gather for one write to each client. Within
# these bounds it is as long as the writes took that the read caused: so they take at most about
# half of the time, and with more clients or events each write carries more.
PAUSE_SECONDS = 0.005
MAX_PAUSE_SECONDS = 0.03

Entries = list[tuple[bytes, dict[bytes, bytes]]]
Reply = list[tuple[bytes, Entries]]

log = logging.getLogger(__name__)


class Receiver(Protocol):
    """What gets the entries: the hub. It knows the id of the last one."""

    @property
    def position(self) -> EntryId: ...

    def deliver(self, entry: Entry) -> None: ...


class StreamReader:
    """Read the stream for as long as the process runs, whatever happens to Redis."""

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
                    self._note_return()
                    self._follow(redis)
            except OutOfMemoryError as error:
                self._deliver_without_redis(error)
            except (RedisError, SQLAlchemyError) as error:
                if not self._is_away:
                    log.warning("the stream cannot be read: %s", error)
                self._is_away = True
            except Exception:
                # Without this greenlet the process gets no events, so it must not end.
                log.exception("reading the stream failed; continuing")
            gevent.sleep(RETRY_SECONDS)

    def _deliver_without_redis(self, error: OutOfMemoryError) -> None:
        """Deliver from the database what Redis has no memory for."""
        if not self._is_away:
            log.warning("the stream cannot be written: %s", error)
        self._is_away = True
        try:
            self._deliver_stored()
        except SQLAlchemyError as failure:
            log.warning("the stored events cannot be read: %s", failure)

    def _deliver_stored(self, before: int | None = None) -> None:
        """Deliver the stored events after our position, up to *before*."""
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

    def _note_return(self) -> None:
        if self._is_away:
            log.warning(
                "the stream can be read again; continuing after %s", self._receiver.position
            )
        self._is_away = False

    def _follow(self, redis: Redis) -> None:
        key = self._events.key
        position: bytes | str = str(self._receiver.position)
        while True:
            # The client's types do not know that this is RESP 2, without decoding.
            reply = cast(
                Reply | None, redis.xread({key: position}, self._count, BLOCK_MILLISECONDS)
            )
            if not reply:
                self._append_stored(redis)
                continue
            position = reply[0][1][-1][0]
            gevent.sleep(self._hand_on(reply[0][1]))

    def _hand_on(self, entries: Entries) -> float:
        """Deliver what was read; return how long to pause then."""
        start = time.monotonic()
        size = 0
        for entry_id, fields in entries:
            entry = Entry.of_fields(entry_id, fields)
            if entry is not None:
                size += len(entry.data)
                self._deliver(entry)
        self._count = max(1, min(MAX_ENTRIES, MAX_BYTES * len(entries) // max(size, 1)))
        # Returns when the clients that waited have been written to.
        gevent.sleep(0)
        return min(max(time.monotonic() - start, PAUSE_SECONDS), MAX_PAUSE_SECONDS)

    def _deliver(self, entry: Entry) -> None:
        """Deliver an entry, after those before it that the stream has dropped."""
        previous_id = entry.previous_id
        if previous_id is not None and previous_id > self._receiver.position.milliseconds:
            log.warning("entries were dropped before they were read; reading the stored events")
            self._deliver_stored(entry.id.milliseconds)
        self._receiver.deliver(entry)

    def _append_stored(self, redis: Redis) -> None:
        """Append the events that are stored and that nobody has appended."""
        with self._database.reading() as connection:
            last_id = events.last_id(connection)
        if last_id > self._receiver.position.milliseconds:
            self._events.catch_up(redis)

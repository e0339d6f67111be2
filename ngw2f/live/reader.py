"""The one greenlet of a process that reads the stream."""

import logging
import time
from typing import Protocol, cast

import gevent
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from ngw2f.broker import connect
from ngw2f.live.entry import Entry, EntryId
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
MAX_ENTRIES = 500
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

    def run(self) -> None:
        while True:
            try:
                with connect(self._settings, TIMEOUT_SECONDS) as redis:
                    self._events.catch_up(redis)
                    self._note_that_it_is_back()
                    self._follow(redis)
            except (RedisError, SQLAlchemyError) as error:
                if not self._is_away:
                    log.warning("the stream cannot be read: %s", error)
                self._is_away = True
            except Exception:
                # Without this greenlet the process is deaf: it does not end.
                log.exception("the stream's reader stumbled; it goes on")
            gevent.sleep(RETRY_SECONDS)

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
                Reply | None, redis.xread({key: position}, MAX_ENTRIES, BLOCK_MILLISECONDS)
            )
            if not reply:
                self._look_for_more(redis)
                continue
            position = reply[0][1][-1][0]
            gevent.sleep(self._hand_on(reply[0][1]))

    def _hand_on(self, entries: Entries) -> float:
        """Deliver what was read; return how long to pause after it."""
        start = time.monotonic()
        for entry_id, fields in entries:
            entry = Entry.of_fields(entry_id, fields)
            if entry is not None:
                self._receiver.deliver(entry)
        # Goes on after those who waited for the entries, and have written them now.
        gevent.sleep(0)
        return min(max(time.monotonic() - start, PAUSE_SECONDS), MAX_PAUSE_SECONDS)

    def _look_for_more(self, redis: Redis) -> None:
        with self._database.reading() as connection:
            last_id = events.last_id(connection)
        if last_id > self._receiver.position.milliseconds:
            self._events.catch_up(redis)

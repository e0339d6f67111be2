"""The event log: one Redis stream, whose entry ids are the event ids everywhere.

Every change of the chat stores an event in the same transaction (ngw2f/store/events.py). After
the commit the event is appended to the stream under its own id. A process appends exactly what
follows the stream's newest entry, so the stream has every event once and in order, whichever
process appends it. An event that could not be appended, because Redis was unreachable or the
process was killed, is appended with the next one, or by the next hub that checks.

Fleeting events (typing, presence) are only in the stream. Their id is that of the event before
them with a counter: 1763717000123-1.
"""

import logging
from functools import partial
from typing import NamedTuple, cast

import msgspec
from redis import Redis
from redis.commands.core import Script
from redis.exceptions import OutOfMemoryError
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from middleware.cache import Clock
from middleware.spans import span
from ngw2f.api_resources import Message, Reacted, Reading, Room, User
from ngw2f.broker.connection import Broker
from ngw2f.live.cache_groups import groups_of
from ngw2f.live.payloads import DeletedMessage, RevokedTokens, Typing
from ngw2f.store import events
from ngw2f.store.database import Database
from ngw2f.store.events import NewEvent, Run, StoredEvent

log = logging.getLogger(__name__)

# How many events are read from the database and sent to Redis at once.
CHUNK = 500

# Keep a share of the stream; always the newest entry, because the next one follows it.
TRIM = """
local function trim(key, share)
  local kept = math.max(1, math.floor(redis.call('XLEN', key) * share))
  return redis.call('XTRIM', key, 'MAXLEN', '=', kept)
end
"""

# Append the run of events that follows ARGV[3], except those that the stream already has;
# append nothing if events before the run are missing. Return the newest id. Each entry names the
# one before it, so that a reader notices if some between were dropped. ARGV[1] is the greatest
# length, ARGV[2] the greatest size in bytes. KEYS[2] counts the bytes added since the size was
# last checked: a check takes about a millisecond. KEYS[3], if it is there, is a flag to set for
# ARGV[4] milliseconds; return whether it was clear as well. What is for one user has its name in
# another field, so that processes of older releases, which would show it to all, see no event.
APPEND_RUN = (
    TRIM
    + """
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local top = newest and tonumber(string.match(newest[1], '^%d+')) or 0
local was_clear = KEYS[3] and redis.call('SET', KEYS[3], 1, 'NX', 'PX', ARGV[4]) and 1 or 0
if top < tonumber(ARGV[3]) then return {tostring(top), was_clear} end
local added, previous = 0, top
for i = 5, #ARGV, 5 do
  if tonumber(ARGV[i]) > top then
    local entry = {'XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], ARGV[i] .. '-0', 'event', ARGV[i + 1],
                   'data', ARGV[i + 2], 'room', ARGV[i + 3], 'previous', previous}
    if ARGV[i + 4] ~= '' then
      entry[7] = 'personal'
      entry[15], entry[16] = 'user', ARGV[i + 4]
    end
    redis.call(unpack(entry))
    added, previous = added + #ARGV[i + 2], ARGV[i]
  end
end
if redis.call('INCRBY', KEYS[2], added) * 16 > tonumber(ARGV[2]) then
  redis.call('SET', KEYS[2], 0)
  while redis.call('XLEN', KEYS[1]) > 1
        and redis.call('MEMORY', 'USAGE', KEYS[1], 'SAMPLES', 0) > tonumber(ARGV[2]) do
    trim(KEYS[1], 0.75)
  end
end
return {tostring(math.max(top, tonumber(ARGV[#ARGV - 4]))), was_clear}
"""
)

# Free memory when Redis has none left.
HALVE = TRIM + "return trim(KEYS[1], 0.5)"

# Append a fleeting event after the newest entry. Not to an empty stream: there it would take
# the id of a stored event that has yet to be appended.
APPEND_FLEETING = """
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if not newest then return end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], string.match(newest[1], '^%d+') .. '-*',
           'event', ARGV[2], 'data', ARGV[3], 'room', ARGV[4])
"""


Resource = User | Room | Message | DeletedMessage | Reacted | Typing | RevokedTokens | Reading


class Flag(NamedTuple):
    """A key in Redis to set when events are appended, and for how long."""

    key: str
    milliseconds: int


class EventLog:
    """The events of a chat: a name, the JSON of a resource, and who may see it.

    First `record` them in the transaction of the change, then `publish` them after its commit.
    """

    def __init__(
        self, broker: Broker, database: Database, clock: Clock, length: int, max_bytes: int
    ) -> None:
        self._broker = broker
        self._clock = clock
        self._database = database
        self.key = broker.key("events")
        self.length = length
        self._max_bytes = max_bytes
        self._encoder = msgspec.json.Encoder()
        self._append_run: Script = broker.redis.register_script(APPEND_RUN)
        self._halve: Script = broker.redis.register_script(HALVE)
        self._append_fleeting: Script = broker.redis.register_script(APPEND_FLEETING)

    def record(self, connection: Connection, name: str, *resources: Resource) -> Run:
        """Store one event for each resource; publish them after the commit."""
        new = [self._new_event(name, resource) for resource in resources]
        return events.add_events(connection, new)

    def publish(self, *runs: Run, flag: Flag | None = None) -> bool:
        """Append what was recorded, after what others recorded and did not publish.

        First the caches on this host drop the answers that it invalidates, so that a writer's
        next read shows the change. While Redis is unreachable nothing is appended, nothing lost.
        Set *flag* in the same round trip, and return whether this has set it.
        """
        self._clock.drop(
            {
                name
                for run in runs
                for event in run.events
                for name in groups_of(event.name, event.data, event.room_id, event.user_id)
            }
        )
        for run in runs:
            for event in run.events:
                with span("event", event.name) as work:
                    work.set(id=event.id, room=event.room_id)
        was_clear = [
            self._broker.attempt(partial(self._append, run, flag), False)
            for run in runs
            if run.events
        ]
        return any(was_clear)

    def publish_fleeting(self, name: str, resource: Resource) -> None:
        """Append a fleeting event; it is dropped while Redis is unreachable."""
        event = self._new_event(name, resource)
        room = "" if event.room_id is None else event.room_id
        arguments: list[str | int] = [self.length, event.name, event.data, room]
        self._broker.attempt(
            lambda redis: self._append_fleeting(keys=[self.key], args=arguments, client=redis),
            None,
        )

    def catch_up(self, redis: Redis) -> None:
        """Append the events that are stored and not yet in the stream. Raises RedisError."""
        with self._database.reading() as connection:
            run = events.list_events(connection, self._top(redis), CHUNK)
            while run.events:
                self._send(redis, run, None)
                run = events.list_events(connection, run.events[-1].id, CHUNK)

    def _append(self, run: Run, flag: Flag | None, redis: Redis) -> bool:
        top, was_clear = self._send(redis, run, flag)
        if top < run.events[-1].id:
            try:
                self.catch_up(redis)
            except SQLAlchemyError as error:
                # The change is committed, so this must not look like a failure.
                log.error("event not appended; the next hub that checks appends it: %s", error)
        return was_clear

    def _send(self, redis: Redis, run: Run, flag: Flag | None) -> tuple[int, bool]:
        """Send a run; return the newest id in the stream after it, and if the flag was clear."""
        milliseconds = flag.milliseconds if flag else 0
        arguments: list[str | int] = [self.length, self._max_bytes, run.previous_id, milliseconds]
        for event in run.events:
            arguments += _fields(event)
        keys = [self.key, f"{self.key}:added", *([flag.key] if flag else [])]
        try:
            top, was_clear = self._append_run(keys=keys, args=arguments, client=redis)
        except OutOfMemoryError:
            # The stream can be filled again from the database; other keys cannot.
            dropped = self._halve(keys=[self.key], client=redis)
            if dropped:
                log.warning("Redis has no memory left; dropping %s events from the stream", dropped)
            top, was_clear = self._append_run(keys=keys, args=arguments, client=redis)
        return int(top), bool(was_clear)

    def _top(self, redis: Redis) -> int:
        # The client's types allow for str, which it never returns here.
        newest = cast(list[tuple[bytes, object]], redis.xrevrange(self.key, count=1))
        return int(newest[0][0].partition(b"-")[0]) if newest else 0

    def _new_event(self, name: str, resource: Resource) -> NewEvent:
        data = self._encoder.encode(resource).decode()
        match resource:
            case Message() | DeletedMessage() | Reacted() | Typing():
                return NewEvent(name, data, resource.room_id)
            case Room():
                return NewEvent(name, data, resource.id)
            case Reading():
                return NewEvent(name, data, resource.room_id, resource.user_id)
        return NewEvent(name, data)


def _fields(event: StoredEvent) -> list[str | int]:
    room, user = ("" if each is None else each for each in (event.room_id, event.user_id))
    return [event.id, event.name, event.data, room, user]

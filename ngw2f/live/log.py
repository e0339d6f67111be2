"""The event log: one Redis stream, whose entry ids are the event ids everywhere.

What changes the chat is told of by an event in the database, stored by the same
transaction (ngw2f/store/events.py). After the commit it is appended to the stream
under its own id. Whoever appends sends what follows the stream's newest entry and
nothing else; so the stream has every event, once, in order, whichever process does
it, and whenever: what could not be appended, because Redis was away or the process
was killed, is appended with the next event, or by the next hub that looks.

Fleeting events (typing, presence) are in the stream alone. Their ids are those of
the event before them with a counter: 1763717000123-1.
"""

import logging
from functools import partial
from typing import cast

import msgspec
from redis import Redis
from redis.commands.core import Script
from redis.exceptions import OutOfMemoryError
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from middleware.cache import Clock
from ngw2f.broker.connection import Broker
from ngw2f.live.groups import groups_of
from ngw2f.live.payloads import DeletedMessage, RevokedTokens, Typing
from ngw2f.resources import Message, Room, User
from ngw2f.store import events
from ngw2f.store.database import Database
from ngw2f.store.events import NewEvent, Run, StoredEvent

log = logging.getLogger(__name__)

# So many events are read from the database and sent to Redis at once.
CHUNK = 500

# Keep a share of the stream, and the newest entry, after which the next ones go on.
TRIM = """
local function trim(key, share)
  local kept = math.max(1, math.floor(redis.call('XLEN', key) * share))
  return redis.call('XTRIM', key, 'MAXLEN', '=', kept)
end
"""

# Append the run of events that follows ARGV[3], as far as the stream does not have
# it; nothing if the stream lacks what comes before. Returns the newest id. Each entry says
# which one it follows, so that a reader can tell whether some between were dropped.
# ARGV[1] is the greatest length, ARGV[2] the greatest size in bytes. What has been added since
# the size was last looked at is in KEYS[2]: looking costs about a millisecond.
APPEND_RUN = (
    TRIM
    + """
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local top = newest and tonumber(string.match(newest[1], '^%d+')) or 0
if top < tonumber(ARGV[3]) then return tostring(top) end
local added, previous = 0, top
for i = 4, #ARGV, 4 do
  if tonumber(ARGV[i]) > top then
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], ARGV[i] .. '-0', 'event', ARGV[i + 1],
               'data', ARGV[i + 2], 'room', ARGV[i + 3], 'previous', previous)
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
return tostring(math.max(top, tonumber(ARGV[#ARGV - 3])))
"""
)

# Make room where Redis has no memory left.
HALVE = TRIM + "return trim(KEYS[1], 0.5)"

# Append a fleeting event behind the newest entry. In an empty stream it would take
# the id of a stored event that has still to be appended.
APPEND_FLEETING = """
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if not newest then return end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], string.match(newest[1], '^%d+') .. '-*',
           'event', ARGV[2], 'data', ARGV[3], 'room', ARGV[4])
"""


Resource = User | Room | Message | DeletedMessage | Typing | RevokedTokens


class EventLog:
    """Events: `name` as in the design, `data` the resource's JSON, `room` who may see it.

    First `record` in the transaction of the change, then, after its commit, `publish`.
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
        """Store one event for each resource, to be published after the commit."""
        new = [self._new_event(name, resource) for resource in resources]
        return events.add_events(connection, new)

    def publish(self, *runs: Run) -> None:
        """Append what was recorded, and before it what others recorded and did not publish.

        First the caches of this host drop what it makes old, so that a writer's next read shows
        what it wrote. While Redis is away nothing is appended, and nothing is lost.
        """
        self._clock.drop(
            {
                name
                for run in runs
                for event in run.events
                for name in groups_of(event.name, event.data, event.room_id)
            }
        )
        try:
            for run in runs:
                self._broker.attempt(partial(self._append, run), None)
        except SQLAlchemyError as error:
            # The change is committed; whoever made it is not told of a failure.
            log.error("an event is left to the next hub that looks: %s", error)

    def tell(self, name: str, resource: Resource) -> None:
        """Append a fleeting event, which nobody misses while Redis is away."""
        event = self._new_event(name, resource)
        room = "" if event.room_id is None else event.room_id
        arguments: list[str | int] = [self.length, event.name, event.data, room]
        self._broker.attempt(
            lambda redis: self._append_fleeting(keys=[self.key], args=arguments, client=redis),
            None,
        )

    def catch_up(self, redis: Redis) -> None:
        """Append what is in the database and not in the stream. Raises RedisError."""
        with self._database.reading() as connection:
            run = events.list_events(connection, self._top(redis), CHUNK)
            while run.events:
                self._send(redis, run)
                run = events.list_events(connection, run.events[-1].id, CHUNK)

    def _append(self, run: Run, redis: Redis) -> None:
        if run.events and self._send(redis, run) < run.events[-1].id:
            self.catch_up(redis)

    def _send(self, redis: Redis, run: Run) -> int:
        """Return the id of the stream's newest entry after the run was sent."""
        arguments: list[str | int] = [self.length, self._max_bytes, run.previous_id]
        for event in run.events:
            arguments += _fields(event)
        keys = [self.key, f"{self.key}:added"]
        try:
            return int(self._append_run(keys=keys, args=arguments, client=redis))
        except OutOfMemoryError:
            # The database has what the stream loses; what else is in Redis is in it alone.
            dropped = self._halve(keys=[self.key], client=redis)
            if dropped:
                log.warning("Redis has no memory left; %s events leave the stream", dropped)
            return int(self._append_run(keys=keys, args=arguments, client=redis))

    def _top(self, redis: Redis) -> int:
        # The client's types allow for text, which ours is never told to return.
        newest = cast(list[tuple[bytes, object]], redis.xrevrange(self.key, count=1))
        return int(newest[0][0].partition(b"-")[0]) if newest else 0

    def _new_event(self, name: str, resource: Resource) -> NewEvent:
        data = self._encoder.encode(resource).decode()
        match resource:
            case Message() | DeletedMessage() | Typing():
                return NewEvent(name, data, resource.room_id)
            case Room():
                return NewEvent(name, data, resource.id)
        return NewEvent(name, data)


def _fields(event: StoredEvent) -> list[str | int]:
    room = "" if event.room_id is None else event.room_id
    return [event.id, event.name, event.data, room]

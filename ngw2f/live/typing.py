"""Who is typing: published at most once in a few seconds for each user and room."""

from ngw2f.broker.connection import Broker
from ngw2f.live.log import EventLog
from ngw2f.live.payloads import Typing

# A client shows a notice for a little longer (ngw2f/static/typing.js).
THROTTLE_MILLISECONDS = 3_000


class TypingNotices:
    """Publish that a user is typing; Redis remembers for all processes who was published."""

    def __init__(self, broker: Broker, events: EventLog) -> None:
        self._broker = broker
        self._events = events

    def publish(self, typing: Typing) -> None:
        key = self._broker.key(f"typing:{typing.room_id}:{typing.user_id}")
        is_due = self._broker.attempt(
            lambda redis: redis.set(key, 1, nx=True, px=THROTTLE_MILLISECONDS), None
        )
        if is_due:
            self._events.publish_fleeting("typing", typing)

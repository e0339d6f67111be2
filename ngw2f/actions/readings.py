"""What an account has read of each room: the same on all of its devices.

A position moves forward, and back only when the user marks a message as unread. Each change is an
event that only the account's own connections get.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from ngw2f.actions import rights
from ngw2f.api_resources import Mention, Reading
from ngw2f.broker.limits import Limits
from ngw2f.core import Core
from ngw2f.store import mentions, messages, readings
from ngw2f.store.events import Run
from ngw2f.store.group_commit import GroupCommit
from ngw2f.store.readings import Ask
from ngw2f.store.users import UserRow


class Readings:
    def __init__(self, core: Core, limits: Limits) -> None:
        self._core = core
        self._limits = limits
        self._asks = GroupCommit[Ask, Reading, Run](core.database, self._store, self._publish)

    def mark_read(self, user: UserRow, room_id: int, message_id: int) -> Reading:
        """Note that all of a room up to a message is read. Raises NotFound, TooMany."""
        return self._note(user, Ask(user.id, room_id, "read", message_id))

    def mark_unread(self, user: UserRow, room_id: int, message_id: int) -> Reading:
        """Note that a message of a room, and all after it, is unread. Raises NotFound, TooMany."""
        return self._note(user, Ask(user.id, room_id, "unread", message_id))

    def mute(self, user: UserRow, room_id: int, *, is_muted: bool) -> Reading:
        """Mute or unmute a room. Raises NotFound, TooMany.

        What is said in a muted room is not news, not even to `@room`; a mention by name is.
        """
        return self._note(user, Ask(user.id, room_id, "muted" if is_muted else "heard"))

    def list_mentions(self, user: UserRow, before: int, limit: int) -> list[Mention]:
        """Return the newest messages before an id that mention the user, newest first."""
        with self._core.database.reading() as connection:
            rooms = mentions.list_mentions(connection, user, before, limit)
            read = readings.list_readings(connection, user.id, {each.id for each in rooms.values()})
            found = [message for _, message in messages.load_messages(connection, rooms)]
        return [
            Mention(
                each,
                rooms[each.id].named_for(user.id),
                unread=each.id > read[each.room_id].last_read_id,
            )
            for each in reversed(found)
        ]

    def _note(self, user: UserRow, ask: Ask) -> Reading:
        self._limits.take("read", user.id)
        with self._core.database.reading() as connection:
            rights.find_room(connection, ask.room_id, user)
            known = readings.find_reading(connection, user.id, ask.room_id)
        # Each device of a user says the same: that needs no turn to write.
        is_new = ask.message_id > known.last_read_id or not known.in_room
        is_known = ask.what == "read" and not is_new
        return known if is_known else self._asks.ask(ask)

    def _publish(self, run: Run) -> None:
        self._core.events.publish(run)

    def _store(self, connection: Connection, asks: Sequence[Ask]) -> tuple[list[Reading], Run]:
        found, changed = readings.note(connection, asks)
        run = self._core.events.record(connection, "unread.updated", *changed)
        ids = [event.id for event in run.events]
        readings.note_events(connection, dict(zip(changed, ids, strict=True)))
        return found, run

"""Presence: publish an event when a user comes online or goes offline."""

import logging
from collections.abc import Callable, Collection

import gevent
from sqlalchemy.exc import SQLAlchemyError

from ngw2f.live.log import EventLog
from ngw2f.live.presence import Presence
from ngw2f.store import users
from ngw2f.store.database import Database, DatabaseBusyError

# How often a process notes the users connected to it, and checks who has gone.
ROUND_SECONDS = 5.0

log = logging.getLogger(__name__)


class Attendance:
    def __init__(self, presence: Presence, database: Database, events: EventLog) -> None:
        self._presence = presence
        self._database = database
        self._events = events

    def note(self, user_id: int) -> bool:
        """Note that a user is online; return False if that was noted a moment ago."""
        if not self._presence.is_due(user_id):
            return False
        self._publish(self._presence.enter([user_id]), is_online=True)
        return True

    def run(self, connected: Callable[[], Collection[int]]) -> None:
        """Note *connected* users and publish who has gone, for as long as the process runs."""
        while True:
            gevent.sleep(ROUND_SECONDS)
            try:
                self.update(connected())
            except (SQLAlchemyError, DatabaseBusyError) as error:
                log.warning("presence changes not published: %s", error)

    def update(self, connected: Collection[int]) -> None:
        due = [user_id for user_id in connected if self._presence.is_due(user_id)]
        self._publish(self._presence.enter(due), is_online=True)
        gone = self._presence.leave()
        if gone:
            with self._database.writing() as connection:
                for user_id, seen_at in gone.items():
                    users.set_last_seen(connection, user_id, seen_at)
            self._publish(list(gone), is_online=False)

    def _publish(self, user_ids: Collection[int], *, is_online: bool) -> None:
        if not user_ids:
            return
        with self._database.reading() as connection:
            rows = [users.find_user(connection, user_id) for user_id in user_ids]
        for row in filter(None, rows):
            self._events.publish_fleeting("user.updated", row.as_resource(online=is_online))

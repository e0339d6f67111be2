"""A chat's parts, on a database and a Redis of their own, without a server around them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ngw2f.actions.sign_in import Client
from ngw2f.api_resources import Room
from ngw2f.live.entry import Entry
from ngw2f.live.formats import JSONLines
from ngw2f.live.hub import Hub
from ngw2f.live.subscription import Subscription
from ngw2f.settings import Settings
from ngw2f.store import rooms, users
from ngw2f.store.users import UserRow
from ngw2f.web.services import Services, build_services
from tests.conftest import REDIS_TIMEOUT_SECONDS
from tests.entries import entries_of
from tests.live.server import RedisServer


@dataclass(frozen=True)
class Stage:
    """Services, a hub that follows only when told to, and what tests say to them."""

    services: Services
    redis_server: RedisServer

    @property
    def hub(self) -> Hub:
        return self.services.hub

    def user(self, nickname: str) -> UserRow:
        accounts = self.services.actions.accounts
        registered = accounts.register(Client("127.0.0.1"), nickname, "secret").user
        with self.services.core.database.reading() as connection:
            user = users.find_user(connection, registered.id)
        assert user is not None
        return user

    def lobby(self) -> Room:
        with self.services.core.database.reading() as connection:
            room = rooms.find_room_named(connection, "lobby", None)
        assert room is not None
        return room

    def room(self, user: UserRow, name: str, *, private: bool = True) -> Room:
        return self.services.actions.rooms.create(user, name, private=private)

    def post(self, user: UserRow, source: str, room: Room | None = None) -> int:
        room_id = (room or self.lobby()).id
        return self.services.actions.messages.post(user, room_id, source).message.id

    def follow(self) -> None:
        """Have the hub read what is new in the stream."""
        events = self.services.core.events
        after = f"({self.hub.position}"
        redis = self.services.core.broker.redis
        for entry_id, fields in entries_of(redis, events.key, after):
            entry = Entry.of_fields(entry_id, fields)
            assert entry is not None
            self.hub.deliver(entry)

    def subscribe(self, user: UserRow | None = None, after: str | None = None) -> Subscription:
        return self.hub.subscribe(JSONLines(), user.id if user else None, None, after)


class NothingError(Exception):
    """There is nothing for a subscriber now."""


class Impatient:
    """Stands in for what a subscription waits with: where it would wait, there is nothing."""

    def get(self) -> None:
        raise NothingError

    def clear(self) -> None:
        pass

    def switch(self, _value: object) -> None:
        pass


def read_chunks(subscription: Subscription) -> list[bytes]:
    """Return all that is there for a subscriber now, however long that takes."""
    chunks = []
    waiter, subscription.waiter = subscription.waiter, Impatient()
    try:
        while chunk := subscription.next_chunk():
            chunks.append(chunk)
    except NothingError:
        pass
    finally:
        subscription.waiter = waiter
    return chunks


def read(subscription: Subscription) -> str:
    """Return all that is there for a subscriber now, as text."""
    return b"".join(read_chunks(subscription)).decode()


@pytest.fixture
def stage(tmp_path: Path, database_url: str) -> Iterator[Stage]:
    server = RedisServer(tmp_path)
    server.start()
    settings = Settings(
        data_dir=str(tmp_path),
        database_url=database_url,
        redis_url=server.url,
        redis_timeout_seconds=REDIS_TIMEOUT_SECONDS,
        stream_length=50,
    )
    services = build_services(settings)
    yield Stage(services, server)
    services.close()
    server.stop()

"""What the tests of the store in Redis put into it and find there."""

from __future__ import annotations

from typing import Any

import redis

from middleware.cache import RedisStore
from middleware.cache.entry import Entry
from tests.middleware.cache.around import entry

KEY = "http://localhost/"


def store_on(connection: Any, **options: Any) -> RedisStore:
    # Tests ask at once whether a server is back, however long they took.
    return RedisStore(connection, **({"pause_factor": 0} | options))


class Broken:
    """A client whose server is away until it is told otherwise."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self.away = True
        self.refused = 0

    def execute_command(self, *arguments: Any) -> Any:
        if self.away:
            self.refused += 1
            raise redis.ConnectionError("away")
        return self.client.execute_command(*arguments)  # type: ignore[no-untyped-call]


def new_entry(
    store: RedisStore, *headers: tuple[str, str], body: bytes = b"hello", **more: Any
) -> Entry:
    writer = store.writer()
    writer.write(body)
    _, started = store.lookup(KEY)
    options: dict[str, Any] = {"key": KEY, "started": started} | more
    return entry(
        *headers,
        ("Cache-Control", "max-age=60"),
        **options,
        body_object=writer.finish(),
    )


def found(store: RedisStore) -> list[Entry]:
    return list(store.lookup(KEY)[0])


def content(one: Entry) -> bytes:
    return b"".join(one.body.pieces(0, one.body.size))

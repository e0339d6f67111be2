"""What is kept of messages' JSON is bounded in bytes."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection

from ngw2f.server.service import Service
from ngw2f.store import messages
from ngw2f.store.message_pages import Page
from ngw2f.store.rooms import LOBBY_ID
from ngw2f.web.message_cache import MessageCache
from tests.client import Client


def post(connection: Connection, source: str) -> int:
    return messages.create_message(connection, 1, 1, source, source).id


def test_large_pages_are_not_kept(client: Client, service: Service) -> None:
    """64 pages of 200 long messages are a gigabyte."""
    client.register("ann")
    message_cache = MessageCache(max_page_bytes=5_000)
    with service.services.core.database.writing() as connection:
        ids = [post(connection, "x" * 1_000) for _ in range(4)]
        versions = [tuple((each, 1) for each in ids[: count + 1]) for count in range(4)]
        for each in versions:
            page = message_cache.page(connection, each)
            assert page.content.count(b'"source":"xxx') == len(each)
        # The largest is not kept, and those that are fit.
        kept = list(message_cache._pages)
        assert versions[3] not in kept
        message_cache.page(connection, versions[0])
        assert message_cache.page(connection, versions[0]) is message_cache._pages[versions[0]]
    sizes = [len(page.content) for page in message_cache._pages.values()]
    assert message_cache._page_bytes == sum(sizes) <= 5_000


def load(message_cache: MessageCache, connection: Connection, *pages: list[int]) -> None:
    for ids in pages:
        message_cache.page(connection, tuple((each, 1) for each in ids))


def test_what_is_read_once_replaces_nothing(
    client: Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ngw2f.web.message_cache.MAX_LOADED_ONCE", 4)
    client.register("ann")
    message_cache = MessageCache()
    with service.services.core.database.writing() as connection:
        ids = [post(connection, f"<{number}>") for number in range(12)]
        load(message_cache, connection, ids[:2], ids[1:3])
        kept = [(each, 1) for each in ids[1:3]]
        assert list(message_cache._fragments) == kept
        for start in (3, 6, 9):
            load(message_cache, connection, ids[start : start + 3])
            assert list(message_cache._fragments) == kept
            assert len(message_cache._loaded_once) < 8
        # A page of which something is known is one of those that are asked for.
        load(message_cache, connection, ids[2:4])
    assert list(message_cache._fragments) == [*kept, (ids[3], 1)]


def test_unknown_history_is_read_at_once(
    client: Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ngw2f.web.message_cache.MAX_UNKNOWN_ROOMS", 3)
    client.register("ann")
    message_cache = MessageCache()
    with service.services.core.database.writing() as connection:
        ids = [post(connection, f"<{number}>") for number in range(8)]

        def read(**page: int) -> tuple[list[str], bool]:
            """Return what another cache does, too, and whether it was read at once."""
            is_at_once = LOBBY_ID in message_cache._unknown_rooms
            asked = connection, LOBBY_ID, None, Page(limit=2, **page)
            shown, found = message_cache.history(*asked)
            assert (shown, found) == MessageCache().history(*asked)
            answer = msgspec.json.decode(shown.content)["messages"]
            return [message["source"] for message in answer], is_at_once

        assert read(before=ids[6]) == (["<4>", "<5>"], False)
        assert read(before=ids[3]) == (["<1>", "<2>"], True)
        assert read(after=ids[5]) == (["<6>", "<7>"], True)
        # An edit is seen, although the message was loaded before.
        message = messages.find_message(connection, ids[2], None)
        assert message is not None
        messages.change_message(connection, message, "new", "new")
        assert read(before=ids[4]) == (["new", "<3>"], True)
        # Where something is known, the versions are enough.
        assert read(before=ids[3]) == (["<1>", "new"], True)
        assert read(before=ids[4]) == (["new", "<3>"], False)
        for room_id in range(100, 110):
            message_cache.history(connection, room_id, None, Page(before=ids[0]))
            assert len(message_cache._unknown_rooms) <= 4


def test_pages_are_the_same_however_they_are_made(client: Client, service: Service) -> None:
    client.register("ann")
    message_cache = MessageCache()
    with service.services.core.database.writing() as connection:
        ids = [post(connection, f'"\n{number}ü') for number in range(3)]
        versions = tuple((each, 1) for each in ids)
        pages = []
        for known in (0, 0, 1, 3):
            message_cache._pages.clear()
            pages.append(message_cache.page(connection, versions))
            assert len(message_cache._fragments) >= known
    assert len(set(pages)) == 1
    assert msgspec.json.decode(pages[0].content)["messages"][2]["source"] == '"\n2ü'


def test_oldest_messages_are_dropped_first(client: Client, service: Service) -> None:
    """They are on the page for which they are dropped."""
    client.register("ann")
    message_cache = MessageCache(max_bytes=5_000)
    with service.services.core.database.writing() as connection:
        ids = [post(connection, "x" * 1_000) for _ in range(4)]
        load(message_cache, connection, ids[:2], ids[:1], ids[1:2])
        assert list(message_cache._fragments) == [(each, 1) for each in ids[:2]]
        page = message_cache.page(connection, tuple((each, 1) for each in ids))
    assert page.content.count(b'"source":"xxx') == 4
    assert list(message_cache._fragments) == [(each, 1) for each in ids[-2:]]
    assert message_cache._bytes == sum(map(len, message_cache._fragments.values())) <= 5_000


def test_page_that_two_made_at_once_is_counted_once(
    client: Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one waits for its rows, another may ask for the same page."""
    client.register("ann")
    message_cache = MessageCache()
    load_messages = messages.load_messages

    def load_after_another(connection: Connection, message_ids: Sequence[int], _: Any) -> Any:
        monkeypatch.setattr(messages, "load_messages", load_messages)
        message_cache.page(connection, versions)
        return load_messages(connection, message_ids)

    monkeypatch.setattr(messages, "load_messages", load_after_another)
    with service.services.core.database.writing() as connection:
        versions = ((post(connection, "x"), 1),)
        page = message_cache.page(connection, versions)
    assert message_cache._page_bytes == len(page.content)


def test_oldest_pages_are_dropped_first(client: Client, service: Service) -> None:
    client.register("ann")
    message_cache = MessageCache()
    with service.services.core.database.writing() as connection:
        ids = [post(connection, "x") for _ in range(66)]
        for each in ids:
            message_cache.page(connection, ((each, 1),))
    assert list(message_cache._pages) == [((each, 1),) for each in ids[-64:]]

"""More of it in test_previews.py: what links show, and when they are fetched."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection

from ngw2f.store import message_links, messages
from ngw2f.store.database import Database
from ngw2f.store.message_links import LOCK, attach_links
from ngw2f.store.users import UserRow

A, B = "http://a.example/", "http://b.example/"


def test_previews_are_locked_in_the_order_of_their_ids(
    database: Database, ann: UserRow, lobby: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As whoever stores what was fetched locks them: otherwise, two could wait for each other."""
    locked: list[list[int]] = []

    class Lock:
        @staticmethod
        def fetch_each(connection: Connection, given: Sequence[dict[str, Any]]) -> list[Any]:
            locked.append([each["preview_id"] for each in given])
            return LOCK.fetch_each(connection, given)

    monkeypatch.setattr(message_links, "LOCK", Lock)
    with database.writing() as connection:
        for urls in ([B], [A], [A, B]):
            message = messages.create_message(connection, lobby, ann.id, "x", "x")
            attach_links(connection, {message.id: urls}, 1.0)
    assert locked == [[], [1], [], [2], [1, 2]]

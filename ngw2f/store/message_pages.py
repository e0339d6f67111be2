"""Pages of the messages of a room: which are on one, and their rows."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, ScalarSelect, bindparam, select, tuple_

from ngw2f.store.prepared import Prepared, Row
from ngw2f.store.rooms import is_visible, reader_parameters
from ngw2f.store.schema import messages, rooms
from ngw2f.store.users import UserRow

COLUMNS = (
    messages.c.id,
    messages.c.room_id,
    messages.c.user_id,
    messages.c.source,
    messages.c.html,
    messages.c.rendered,
    messages.c.created_at,
    messages.c.updated_at,
    messages.c.edited_at,
    messages.c.reply_to,
)

ROW = messages.c.version, *COLUMNS
# Its index covers these, so that the rows are not read.
VERSION = messages.c.id, messages.c.version

Columns = tuple[Column[Any], ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Which messages of a room: those before or after an id, or else the newest."""

    limit: int = 50
    before: int | None = None
    after: int | None = None
    updated_since: float | None = None
    user_id: int | None = None


# How each field of a Page narrows the query.
CONDITIONS = {
    "before": messages.c.id < bindparam("before"),
    "after": messages.c.id > bindparam("after"),
    "updated_since": messages.c.updated_at > bindparam("updated_since"),
    "user_id": messages.c.user_id == bindparam("user_id"),
}


@dataclass(frozen=True, slots=True)
class Found:
    """The ids and versions on a page, oldest first, and whether more follow in its direction."""

    versions: tuple[tuple[int, int], ...]
    has_more: bool


def list_versions(
    connection: Connection, room_id: int, reader: UserRow | None, page: Page
) -> Found:
    """Return the ids and versions of the messages on a page of a room.

    A room that the reader may not see is empty, like one that does not exist.
    """
    versions, has_more = _fetch(connection, room_id, reader, page, VERSION)
    return Found(tuple(versions), has_more)


def list_rows(
    connection: Connection, room_id: int, reader: UserRow | None, page: Page
) -> tuple[list[Row], bool]:
    """Return ROW of the messages on such a page, and whether there are more."""
    return _fetch(connection, room_id, reader, page, ROW)


def _fetch(
    connection: Connection, room_id: int, reader: UserRow | None, page: Page, columns: Columns
) -> tuple[list[Row], bool]:
    given = {name: getattr(page, name) for name in CONDITIONS}
    given = {name: value for name, value in given.items() if value is not None}
    is_sqlite = connection.dialect.name == "sqlite"
    statement = _page_statement(
        columns, tuple(given), to_user=reader is not None, is_sqlite=is_sqlite
    )
    # One more than needed tells whether there is a next page.
    parameters = {"room_id": room_id, "limit": page.limit + 1, **given, **reader_parameters(reader)}
    found = statement.fetch(connection, parameters)
    rows = found[: page.limit]
    if "after" not in given:
        rows.reverse()
    return rows, len(found) > page.limit


@cache
def _page_statement(
    columns: Columns, given: tuple[str, ...], *, to_user: bool, is_sqlite: bool
) -> Prepared:
    """Return the query for a page, cached because building it costs more than running it."""
    is_room = rooms.c.id == bindparam("room_id")
    room = select(rooms.c.id).where(is_room, is_visible(to_user=to_user)).scalar_subquery()
    statement = select(*columns)
    if is_sqlite or "updated_since" in given:
        statement = statement.where(messages.c.room_id == room)
        statement = statement.where(*(CONDITIONS[name] for name in given))
        place = [messages.c.id]
    else:
        statement = statement.where(*_between(room, given))
        place = [messages.c.room_id, messages.c.id]
    order = place if "after" in given else [each.desc() for each in place]
    return Prepared(statement.order_by(*order).limit(bindparam("limit")))


def _between(room: ScalarSelect[int], given: Collection[str]) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions of a page by the order of room and id, for PostgreSQL.

    It guesses that a room has a good part of all messages, and seeks those of a quiet one among all
    that were said elsewhere since. For this order it has but one index.
    """
    place = tuple_(messages.c.room_id, messages.c.id)
    is_before = place < tuple_(room, bindparam("before"))
    yield is_before if "before" in given else messages.c.room_id <= room
    is_after = place > tuple_(room, bindparam("after"))
    yield is_after if "after" in given else messages.c.room_id >= room
    if "user_id" in given:
        yield CONDITIONS["user_id"]

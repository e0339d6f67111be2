"""Pages of the messages of a room: which are on one, and their rows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    ScalarSelect,
    Select,
    bindparam,
    func,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.sql.base import ReadOnlyColumnCollection

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
# The messages, or a selection of them.
Of = ReadOnlyColumnCollection[str, Any]
SINCE = "updated_since"


@dataclass(frozen=True, slots=True)
class Page:
    """Which messages of a room: those before or after an id, or else the newest."""

    limit: int = 50
    before: int | None = None
    after: int | None = None
    updated_since: float | None = None
    user_id: int | None = None


# How each field of a Page narrows a query of messages.
CONDITIONS: dict[str, Callable[[Of], ColumnElement[bool]]] = {
    "before": lambda of: of.id < bindparam("before"),
    "after": lambda of: of.id > bindparam("after"),
    # Neither database shall take an index of times, and then sort all that it finds.
    "updated_since": lambda of: of.updated_at + literal_column("0") > bindparam("updated_since"),
    "user_id": lambda of: of.user_id == bindparam("user_id"),
}

# A page of changes is sought among the room's changes if there are at most this many, and else
# among all its messages.
FEW_CHANGES = 250


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
    # One more than needed tells whether there is a next page.
    parameters = {"room_id": room_id, "limit": page.limit + 1, **given, **reader_parameters(reader)}
    of = _Room(to_user=reader is not None, is_sqlite=connection.dialect.name == "sqlite")
    are_few = False
    if page.updated_since is not None:
        [(count,)] = _count_changes(of).fetch(connection, parameters)
        are_few = count <= FEW_CHANGES
    statement = (_page_of_changes if are_few else _page_of_all)(of, columns, tuple(given))
    found = statement.fetch(connection, parameters)
    rows = found[: page.limit]
    if "after" not in given:
        rows.reverse()
    return rows, len(found) > page.limit


class _Room(NamedTuple):
    """Whose messages a statement asks for, of which reader, and by which order of an index.

    PostgreSQL guesses that a room has a good part of all messages, and seeks those of a quiet one
    among all that were said elsewhere since. For the order of two columns it has but one index.
    """

    to_user: bool
    is_sqlite: bool

    def id(self) -> ScalarSelect[int]:
        is_room = rooms.c.id == bindparam("room_id"), is_visible(to_user=self.to_user)
        return select(rooms.c.id).where(*is_room).scalar_subquery()

    def order(self, column: Column[Any]) -> Columns:
        return (column,) if self.is_sqlite else (messages.c.room_id, column)

    def between(
        self, column: Column[Any], after: str | None, before: str | None
    ) -> Iterator[ColumnElement[bool]]:
        """Yield the conditions that a message is of the room, and the column between two values."""
        own = messages.c.room_id
        if self.is_sqlite:
            yield own == self.id()
            if after:
                yield column > bindparam(after)
            if before:
                yield column < bindparam(before)
            return
        place = tuple_(own, column)
        yield place > tuple_(self.id(), bindparam(after)) if after else own >= self.id()
        yield place < tuple_(self.id(), bindparam(before)) if before else own <= self.id()


# Each is kept because building a statement costs more than running it.


@cache
def _page_of_all(of: _Room, columns: Columns, given: tuple[str, ...]) -> Prepared:
    """Return the query for a page among all messages of a room."""
    after, before = (name if name in given else None for name in ("after", "before"))
    others = [CONDITIONS[name](messages.c) for name in given if name not in (after, before)]
    statement = select(*columns).where(*of.between(messages.c.id, after, before), *others)
    order = [each if after else each.desc() for each in of.order(messages.c.id)]
    return Prepared(statement.order_by(*order).limit(bindparam("limit")))


@cache
def _page_of_changes(of: _Room, columns: Columns, given: tuple[str, ...]) -> Prepared:
    """Return the query for a page among the few messages that have changed since a time."""
    needed = dict.fromkeys((*columns, messages.c.id, messages.c.user_id))
    few = _changes(of, *needed).subquery()
    statement = select(*(few.c[each.name] for each in columns))
    statement = statement.where(*(CONDITIONS[each](few.c) for each in given if each != SINCE))
    order = few.c.id if "after" in given else few.c.id.desc()
    return Prepared(statement.order_by(order).limit(bindparam("limit")))


@cache
def _count_changes(of: _Room) -> Prepared:
    """Return the query for how many messages have changed since a time, or that they are many."""
    few = _changes(of, messages.c.id).subquery()
    return Prepared(select(func.count()).select_from(few))


def _changes(of: _Room, *columns: Column[Any]) -> Select[Any]:
    changed = of.between(messages.c.updated_at, SINCE, None)
    first = of.order(messages.c.updated_at)
    return select(*columns).where(*changed).order_by(*first).limit(FEW_CHANGES + 1)

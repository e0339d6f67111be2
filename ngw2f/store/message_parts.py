"""What a message has in other tables: previews, files, ...; and the message as a whole."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace
from sqlalchemy import ColumnElement, Connection, literal_column, select, union

from ngw2f.api_resources import File, Message, MessageLinks, Preview, Reaction
from ngw2f.store.among import among, between, span_of
from ngw2f.store.files import files_of
from ngw2f.store.mentions import mentions_of
from ngw2f.store.prepared import Prepared
from ngw2f.store.previews import previews_of
from ngw2f.store.reactions import reactions_of
from ngw2f.store.readings import EVERYBODY
from ngw2f.store.schema import files, mentions, message_previews, reactions

# In the order of the Parts.
TABLES = message_previews, mentions, reactions, files
# For at most this many ids between the first and the last; few messages have anything beside them.
MAX_SPAN = 1_000


def _having(is_one: Callable[[ColumnElement[int]], ColumnElement[bool]]) -> Prepared:
    """Return the query that says which messages have something in which of the tables."""
    return Prepared(
        union(
            *(
                select(table.c.message_id, literal_column(str(place))).where(
                    is_one(table.c.message_id)
                )
                for place, table in enumerate(TABLES)
            )
        )
    )


HAVING_OF = _having(lambda column: among(column, "ids"))
HAVING_BETWEEN = _having(between)


class Parts(NamedTuple):
    """Each by the ids of messages; those that have none are missing."""

    previews: Mapping[int, tuple[Preview, ...]]
    mentions: Mapping[int, tuple[int, ...]]
    reactions: Mapping[int, tuple[Reaction, ...]]
    files: Mapping[int, tuple[File, ...]]

    def add_to(self, plain: list[Message]) -> list[Message]:
        having = set[int]().union(*self)
        return [self._beside(each) if each.id in having else each for each in plain]

    def _beside(self, message: Message) -> Message:
        whom = self.mentions.get(message.id, ())
        is_for_all = EVERYBODY in whom
        return replace(
            message,
            previews=self.previews.get(message.id, ()),
            mentions=whom[1:] if is_for_all else whom,
            mentions_room=is_for_all,
            reactions=self.reactions.get(message.id, ()),
            files=self.files.get(message.id, ()),
        )


def whole_messages(connection: Connection, rows: Sequence[Sequence[Any]]) -> list[Message]:
    """Return the messages of rows (see `plain_messages`), with what is beside them."""
    plain = plain_messages(rows)
    parts = parts_of(connection, [message.id for message in plain])
    return parts.add_to(plain) if parts else plain


def plain_messages(rows: Sequence[Sequence[Any]]) -> list[Message]:
    """Return the messages of rows that have nothing beside them.

    The columns are those of `ROW` (ngw2f/store/message_pages.py). A page of the history has
    many: this takes half as long as a call of `Message.of` for each.
    """
    return [
        Message(
            message_id, room_id, user_id, source, html, bool(rendered), created_at, updated_at,
            edited_at, (), (), False, reply_to, (), (),
            MessageLinks(f"/api/messages/{message_id}", f"/api/users/{user_id}"),
        )
        for (
            _, message_id, room_id, user_id, source, html, rendered, created_at, updated_at,
            edited_at, reply_to,
        ) in rows
    ]  # fmt: skip


def parts_of(connection: Connection, message_ids: Collection[int]) -> Parts | None:
    """Return what is beside messages; None if nothing is."""
    having = _find(connection, message_ids) if message_ids else ()
    if not having:
        return None
    # Most messages have nothing beside them, and few have it in all the tables.
    of: tuple[list[int], ...] = tuple([] for _ in TABLES)
    for message_id, place in having:
        of[place].append(message_id)
    return Parts(
        previews_of(connection, of[0]) if of[0] else {},
        mentions_of(connection, of[1]) if of[1] else {},
        reactions_of(connection, of[2]) if of[2] else {},
        files_of(connection, of[3]) if of[3] else {},
    )


def _find(connection: Connection, message_ids: Collection[int]) -> Sequence[Sequence[Any]]:
    """Return the ids of those messages that have something, each with the places of the tables."""
    near = span_of(connection, message_ids, MAX_SPAN)
    if near is None:
        return HAVING_OF.fetch(connection, {"ids": list(message_ids)})
    found = HAVING_BETWEEN.fetch(connection, near)
    return [each for each in found if each[0] in message_ids] if found else ()

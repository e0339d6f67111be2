"""What a reply quotes: the author and the first line of the message that it answers.

Of one that is files alone, it is the name of the first.

They are read when the reply is shown, and kept nowhere: so an edit shows in all quotes, and a
deletion leaves none of it in them.
"""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, select

from ngw2f.api_resources import Message
from ngw2f.store.among import among
from ngw2f.store.files import files_of
from ngw2f.store.prepared import Prepared
from ngw2f.store.schema import messages, users
from ngw2f.text.first_line import first_line_of

QUOTED = Prepared(
    select(messages.c.id, messages.c.room_id, messages.c.user_id, users.c.nickname)
    .add_columns(messages.c.html)
    .join_from(messages, users)
    .where(among(messages.c.id, "ids"))
)


class Quote(NamedTuple):
    """*line* is plain text: escape it in HTML."""

    user_id: int
    nickname: str
    line: str


def quotes_of(connection: Connection, replies: Iterable[Message]) -> dict[int, Quote]:
    """Return the quotes in replies that a reader may see, by the quoted ids; none for deleted ones.

    The quoted message is of the reply's own room, whatever the reply says.
    """
    rooms = {each.reply_to: each.room_id for each in replies if each.reply_to is not None}
    return find_quotes(connection, rooms) if rooms else {}


def find_quotes(connection: Connection, rooms: dict[int, int]) -> dict[int, Quote]:
    """Return the quotes of messages, which are given with the rooms that they are looked for in."""
    found = {
        message_id: Quote(user_id, nickname, first_line_of(html))
        for message_id, room_id, user_id, nickname, html in QUOTED.fetch(
            connection, {"ids": list(rooms)}
        )
        if room_id == rooms[message_id]
    }
    if silent := [message_id for message_id, quote in found.items() if not quote.line]:
        for message_id, (first, *_) in files_of(connection, silent).items():
            found[message_id] = found[message_id]._replace(line=first.name)
    return found

"""Which messages have which words: FTS5 with SQLite, a tsvector with PostgreSQL.

A message is searched for by the words that `ngw2f/text/search_words.py` makes of it, the same for
both databases, and by three more: `#` in a public room, `#ROOM` and `@AUTHOR`. So the index alone
finds what a reader may see, and no search passes over what others said in private. Who may see a
message is still for the tables to say: they are asked again for what was found.

Triggers (migration 0016) keep a queue of messages whose words are missing. A worker stores them in
the transaction in which it stores the HTML, so a post costs nothing for it; the upkeep stores those
of messages that are older than the index. An edit or a deletion takes words away in its own
transaction.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, column, delete, select, table, text

from ngw2f.api_resources import MAX_ID, Message
from ngw2f.store.among import among
from ngw2f.store.files import files_of
from ngw2f.store.messages import load_messages
from ngw2f.store.prepared import Prepared
from ngw2f.store.rooms import is_visible, private_room_ids, reader_parameters
from ngw2f.store.schema import messages, rooms
from ngw2f.store.users import UserRow
from ngw2f.text.search_query import Phrase
from ngw2f.text.search_words import folded_words

# No word of a text has these characters.
PUBLIC = "#"
# Before the name of each file of a message: no phrase goes on from its text, or from another name.
BREAK = "@"

# They are not among the tables of the chat's state: all of it can be made again.
TABLES = ("message_search", "message_search_queue")
QUEUE = table("message_search_queue", column("message_id"))
TAKE = Prepared(
    select(
        messages.c.id, messages.c.room_id, messages.c.user_id, messages.c.source, rooms.c.private
    )
    .join_from(QUEUE, messages, messages.c.id == QUEUE.c.message_id)
    .join(rooms)
    .order_by(QUEUE.c.message_id.desc())
    .limit(bindparam("limit"))
    .with_for_update(of=messages, key_share=True, skip_locked=True)
)
TAKEN = Prepared(delete(QUEUE).where(QUEUE.c.message_id == bindparam("message_id")))
HAS_QUEUED = Prepared(select(QUEUE.c.message_id).limit(1))
ADD = {
    "sqlite": Prepared(
        text("INSERT OR REPLACE INTO message_search (rowid, words) VALUES (:message_id, :words)")
    ),
    "postgresql": Prepared(
        text(
            "INSERT INTO message_search (message_id, words)"
            " VALUES (:message_id, CAST(:words AS tsvector))"
            " ON CONFLICT (message_id) DO UPDATE SET words = EXCLUDED.words"
        )
    ),
}
FIND = {
    "sqlite": Prepared(
        text(
            "SELECT rowid FROM message_search WHERE message_search MATCH :match"
            " AND rowid < :before ORDER BY rowid DESC LIMIT :limit"
        )
    ),
    "postgresql": Prepared(
        text(
            "SELECT message_id FROM message_search WHERE words @@ CAST(:match AS tsquery)"
            " AND message_id < :before ORDER BY message_id DESC LIMIT :limit"
        ),
        is_planned_anew=True,
    ),
}
# Those of given messages that anybody, or a user, may see.
VISIBLE = {
    to_user: Prepared(
        select(messages.c.id)
        .join_from(messages, rooms)
        .where(among(messages.c.id, "ids"), is_visible(to_user=to_user))
    )
    for to_user in (False, True)
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a message must have, all of it, and what it must not have."""

    phrases: Sequence[Phrase] = ()
    excluded: Sequence[Phrase] = ()


def by_author(user_id: int) -> Phrase:
    """Return what the messages of a user have."""
    return (f"@{user_id}",)


def in_room(room_id: int) -> Phrase:
    """Return what the messages of a room have."""
    return (f"#{room_id}",)


def find_messages(
    connection: Connection,
    wanted: Wanted,
    reader: UserRow | None,
    *,
    before: int | None = None,
    limit: int = 50,
) -> tuple[list[Message], bool]:
    """Return the newest messages found, with ids below *before*, and whether there are more.

    The oldest of them is first. Only messages that the reader may see are found.
    """
    dialect = connection.dialect.name
    readable: list[Phrase] = [(PUBLIC,)]
    if reader is not None:
        readable += map(in_room, private_room_ids(connection, reader.id))
    match = _MATCHES[dialect](readable, wanted)
    # One more than needed tells whether there are more.
    given = {"match": match, "before": MAX_ID + 1 if before is None else before, "limit": limit + 1}
    found = [row[0] for row in FIND[dialect].fetch(connection, given)]
    if not found:
        return [], False
    asked = {"ids": found[:limit], **reader_parameters(reader)}
    ids = [row[0] for row in VISIBLE[reader is not None].fetch(connection, asked)]
    return [message for _, message in load_messages(connection, ids)], len(found) > limit


def index_messages(connection: Connection, limit: int) -> int:
    """Store the words of messages whose words are missing, the newest first; return how many."""
    rows = TAKE.fetch(connection, {"limit": limit})
    shown = files_of(connection, [row[0] for row in rows]) if rows else {}
    as_stored = _DOCUMENTS[connection.dialect.name]
    documents = []
    for message_id, room_id, user_id, source, is_private in rows:
        tags = [*in_room(room_id), *by_author(user_id), *(() if is_private else (PUBLIC,))]
        words = folded_words(source)
        for file in shown.get(message_id, ()):
            words += BREAK, *folded_words(file.name)
        documents.append({"message_id": message_id, "words": as_stored(tags, words)})
    ADD[connection.dialect.name].run_each(connection, documents)
    TAKEN.run_each(connection, documents)
    return len(rows)


def queue_message(connection: Connection, message_id: int) -> None:
    """Note that a message's words are missing although it was never rendered."""
    statement = text("INSERT INTO message_search_queue VALUES (:id) ON CONFLICT DO NOTHING")
    connection.execute(statement, {"id": message_id})


def has_queued(connection: Connection) -> bool:
    """Return whether the words of some message are missing."""
    return bool(HAS_QUEUED.fetch(connection))


def _as_text(tags: Sequence[str], words: Sequence[str]) -> str:
    return " ".join([*tags, *words])


def _as_tsvector(tags: Sequence[str], words: Sequence[str]) -> str:
    """Return the text of a tsvector: each word once, with its places."""
    places: dict[str, list[str]] = {}
    for place, word in enumerate(words, 1):
        places.setdefault(word, []).append(str(place))
    quoted = [f"'{tag}'" for tag in tags]
    return " ".join([*quoted, *(f"'{word}':{','.join(at)}" for word, at in places.items())])


def _as_fts5_query(readable: Collection[Phrase], wanted: Wanted) -> str:
    def either(phrases: Collection[Phrase]) -> str:
        return "(" + " OR ".join(map(quoted, phrases)) + ")"

    def quoted(phrase: Phrase) -> str:
        return f'"{" ".join(phrase)}"'

    query = " AND ".join([either(readable), *map(quoted, wanted.phrases)])
    return f"({query}) NOT {either(wanted.excluded)}" if wanted.excluded else query


def _as_tsquery(readable: Collection[Phrase], wanted: Wanted) -> str:
    def either(phrases: Collection[Phrase]) -> str:
        return "(" + " | ".join(map(quoted, phrases)) + ")"

    def quoted(phrase: Phrase) -> str:
        return "(" + " <-> ".join(f"'{word}'" for word in phrase) + ")"

    query = " & ".join([either(readable), *map(quoted, wanted.phrases)])
    return f"{query} & !{either(wanted.excluded)}" if wanted.excluded else query


_DOCUMENTS = {"sqlite": _as_text, "postgresql": _as_tsvector}
_MATCHES = {"sqlite": _as_fts5_query, "postgresql": _as_tsquery}

"""Search over everything that an account may read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from ngw2f.actions import rights
from ngw2f.actions.sign_in import find_named
from ngw2f.api_resources import Message, Room
from ngw2f.core import Core
from ngw2f.errors import Invalid, NotFound
from ngw2f.sentences import Sentence, sentence_of
from ngw2f.store import rooms, search, users
from ngw2f.store.search import Wanted
from ngw2f.store.users import UserRow
from ngw2f.text.search_query import InvalidQueryError, Phrase, Term, parse_query


@dataclass(frozen=True, slots=True)
class Hits:
    """The messages found, oldest first, and whether there are older ones.

    `phrases` are what was found in them; `rooms` and `nicknames` are those of the messages, by id,
    if they were asked for.
    """

    messages: Sequence[Message]
    has_more: bool
    phrases: Sequence[Phrase]
    rooms: Mapping[int, Room]
    nicknames: Mapping[int, str]


class Search:
    def __init__(self, core: Core) -> None:
        self._core = core

    def find(
        self,
        reader: UserRow | None,
        query: str,
        *,
        room_id: int | None = None,
        before: int | None = None,
        limit: int = 50,
        with_names: bool = False,
    ) -> Hits:
        """Return the newest messages, with ids below *before*, for which the query's terms hold.

        Raises Invalid for a query without a word; NotFound for a room that the reader may not see,
        and for an author who does not exist.
        """
        try:
            terms = parse_query(query)
        except InvalidQueryError as error:
            raise Invalid(sentence_of(error)) from error
        # Who may see a message is asked last, after all else that is about rights.
        with self._core.database.asking() as connection:
            wanted = Wanted(
                [_resolved(connection, reader, each) for each in terms if not each.is_excluded],
                [_resolved(connection, reader, each) for each in terms if each.is_excluded],
            )
            if room_id is not None:
                room = rights.find_room(connection, room_id, reader)
                wanted = Wanted([*wanted.phrases, search.in_room(room.id)], wanted.excluded)
            found, has_more = search.find_messages(
                connection, wanted, reader, before=before, limit=limit
            )
            named = found if with_names else []
            found_rooms = rooms.rooms_of(connection, {each.room_id for each in named})
            if reader is not None:
                seen = {room.id: room.named_for(reader.id) for room in found_rooms.values()}
                found_rooms = seen
            return Hits(
                found,
                has_more,
                [each.phrase for each in terms if each.kind == "words" and not each.is_excluded],
                found_rooms,
                users.nicknames_of(connection, {each.user_id for each in named}),
            )


def _resolved(connection: Connection, reader: UserRow | None, term: Term) -> Phrase:
    """Return what the index has of a term. Raises NotFound."""
    match term.kind:
        case "in":
            return search.in_room(rights.find_room_named(connection, term.text, reader).id)
        case "from":
            author = find_named(connection, term.text)
            if author is None:
                raise NotFound(Sentence("there is no user %(name)r", name=term.text))
            return search.by_author(author.user_id)
    return term.phrase

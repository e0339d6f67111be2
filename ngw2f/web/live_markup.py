"""The HTML of messages and rooms in the events for open pages.

It comes from the templates that the pages themselves include. Of its reader, it depends on the
language alone: the page removes what is not for its reader.
"""

from collections.abc import Callable

import msgspec

from ngw2f.api_resources import File, Person, Preview, Reacted, Reaction, Room
from ngw2f.live.entry import Entry
from ngw2f.live.nicknames import Nicknames
from ngw2f.live.page import PageData
from ngw2f.store.database import Database
from ngw2f.store.quotes import Quote, find_quotes
from ngw2f.text.languages import LANGUAGES
from ngw2f.web.templates import Templates


class ShownMessage(msgspec.Struct):
    """The part of a message that a page shows."""

    id: int
    room_id: int
    user_id: int
    html: str
    rendered: bool
    created_at: float
    updated_at: float
    # Events of older releases have none.
    edited_at: float | None = None
    previews: tuple[Preview, ...] = ()
    mentions: tuple[int, ...] = ()
    mentions_room: bool = False
    reply_to: int | None = None
    files: tuple[File, ...] = ()
    reactions: tuple[Reaction, ...] = ()


class ShownRoom(msgspec.Struct):
    id: int
    name: str
    private: bool
    # Events of older releases have none of these.
    topic: str = ""
    archived: bool = False
    people: tuple[Person, ...] = ()


class MessageMarkup(msgspec.Struct):
    id: int
    room_id: int
    user_id: int
    mentions: tuple[int, ...]
    mentions_room: bool
    fragment: str


class ReactionsMarkup(msgspec.Struct):
    id: int
    room_id: int
    user_id: int
    emoji: str
    added: bool
    updated_at: float
    # Empty if there are none left.
    fragment: str


class RoomMarkup(msgspec.Struct):
    id: int
    name: str
    topic: str
    archived: bool
    page: str
    fragment: str


class LiveMarkup:
    """Makes the data of events for pages in one language."""

    def __init__(
        self, templates: Templates, nicknames: Nicknames, database: Database, language: str
    ) -> None:
        self._message = templates.fragment("message.html", language)
        self._room = templates.fragment("room_link.html", language)
        self._reactions = templates.fragment("reactions.html", language)
        self._nicknames = nicknames
        self._database = database
        self._encoder = msgspec.json.Encoder()
        self._shown: dict[str, Callable[[bytes], msgspec.Struct]] = {
            "message.created": self._show_message,
            "message.updated": self._show_message,
            "message.restored": self._show_message,
            "message.reacted": self._show_reactions,
            "room.created": self._show_room,
            "room.updated": self._show_room,
        }

    def show(self, entry: Entry) -> bytes:
        """Return the data with HTML in it, or unchanged if it is about neither message nor room."""
        show = self._shown.get(entry.name)
        return self._encoder.encode(show(entry.data)) if show else entry.data

    def _show_message(self, data: bytes) -> MessageMarkup:
        message = msgspec.json.decode(data, type=ShownMessage)
        fragment = self._message(
            message=message,
            nickname=self._nicknames.of(message.user_id),
            quotes=self._quotes_in(message),
            with_actions=True,
            may_post=True,
            is_own=True,
            # What comes before it is on the page, whose script adds this.
            follows=False,
        )
        return MessageMarkup(
            message.id,
            message.room_id,
            message.user_id,
            message.mentions,
            message.mentions_room,
            fragment,
        )

    def _show_reactions(self, data: bytes) -> ReactionsMarkup:
        told = msgspec.json.decode(data, type=Reacted)
        fragment = self._reactions(message=told, with_actions=True) if told.reactions else ""
        return ReactionsMarkup(
            told.id, told.room_id, told.user_id, told.emoji, told.added, told.updated_at, fragment
        )

    def _quotes_in(self, message: ShownMessage) -> dict[int, Quote]:
        if message.reply_to is None:
            return {}
        with self._database.asking() as connection:
            return find_quotes(connection, {message.reply_to: message.room_id})

    def _show_room(self, data: bytes) -> RoomMarkup:
        told = msgspec.json.decode(data, type=ShownRoom)
        room = Room.of(told.id, told.name, told.private, 0, 0, people=told.people)
        fragment = self._room(each=room, reader=None, is_current=False, reading=None)
        return RoomMarkup(room.id, room.name, told.topic, told.archived, room.links.page, fragment)


class LivePages:
    """The data of events for pages, in each language that somebody has listened in."""

    def __init__(self, templates: Templates, nicknames: Nicknames, database: Database) -> None:
        self._parts = templates, nicknames, database
        self._known: dict[str, PageData] = {}
        self.in_language(LANGUAGES[0])

    def in_language(self, language: str) -> PageData:
        known = self._known.get(language)
        if known is None:
            markup = LiveMarkup(*self._parts, language)
            known = self._known[language] = PageData(markup.show, language)
        return known

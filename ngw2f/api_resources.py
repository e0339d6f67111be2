"""The chat's resources, with the same shape in API responses and in events.

Times are Unix seconds.
"""

from typing import Self
from urllib.parse import quote

import msgspec
from msgspec import UNSET, UnsetType

# How far unread messages are counted.
MAX_COUNTED = 100

# The greatest id that a row can have: PostgreSQL's integer.
MAX_ID = 2**31 - 1


class UserLinks(msgspec.Struct, frozen=True, gc=False):
    self: str
    messages: str
    tokens: str = "/api/tokens"


class User(msgspec.Struct, frozen=True, gc=False):
    id: int
    nickname: str
    created_at: float
    updated_at: float
    last_seen_at: float
    online: bool
    administrator: bool
    # It cannot be used; what it wrote stays.
    suspended: bool
    links: UserLinks = msgspec.field(name="_links")

    @classmethod
    def of(
        cls,
        id: int,  # noqa: A002 # the column's name
        nickname: str,
        created_at: float,
        updated_at: float,
        last_seen_at: float,
        *,
        online: bool = False,
        administrator: bool = False,
        suspended: bool = False,
    ) -> Self:
        links = UserLinks(f"/api/users/{id}", f"/api/messages?user_id={id}")
        return cls(
            id, nickname, created_at, updated_at, last_seen_at, online, administrator, suspended,
            links,
        )  # fmt: skip


class AuditEntry(msgspec.Struct, frozen=True):
    """What an administrator did: when, to whom, and where."""

    id: int
    at: float
    action: str
    actor_id: int
    # Nicknames as they were then.
    actor: str
    user_id: int | None
    nickname: str
    room_id: int | None
    message_id: int | None
    detail: str


class TokenInfo(msgspec.Struct, frozen=True):
    """What an account's owner sees of one of its tokens: never the token itself."""

    id: int
    # "session": of a browser; "token": of a program.
    kind: str
    name: str
    user_agent: str
    created_at: float
    # As of some minutes ago.
    last_used_at: float | None
    expires_at: float
    # Whether it is the one that was sent.
    current: bool

    @classmethod
    def of(
        cls,
        id: int,  # noqa: A002 # the column's name
        is_session: bool,
        name: str,
        user_agent: str,
        created_at: float,
        last_used_at: float | None,
        expires_at: float,
        *,
        current: bool,
    ) -> Self:
        kind = "session" if is_session else "token"
        return cls(
            id, kind, name, user_agent, created_at, last_used_at, expires_at, current
        )  # fmt: skip


class Person(msgspec.Struct, frozen=True, gc=False):
    """One of those who talk directly."""

    id: int
    nickname: str


class RoomLinks(msgspec.Struct, frozen=True, gc=False):
    self: str
    messages: str
    # The page for people; it means the same room for every reader.
    page: str


class Room(msgspec.Struct, frozen=True, gc=False):
    id: int
    # Of direct messages: the others' nicknames, for a signed-in reader; else "".
    name: str
    private: bool
    created_at: float
    updated_at: float
    topic: str
    # It can only be read.
    archived: bool
    # Its people are those of `people`, for good.
    direct: bool
    links: RoomLinks = msgspec.field(name="_links")
    people: tuple[Person, ...] | UnsetType = UNSET
    # What a signed-in reader has read of it, as in Reading; not in events, which all readers get.
    last_read_id: int | UnsetType = UNSET
    unread: int | UnsetType = UNSET
    mentions: int | UnsetType = UNSET
    muted: bool | UnsetType = UNSET
    in_room: bool | UnsetType = UNSET
    mention_ids: tuple[int, ...] | UnsetType = UNSET

    @classmethod
    def of(
        cls,
        id: int,  # noqa: A002 # the column's name
        name: str,
        private: bool,
        created_at: float,
        updated_at: float,
        topic: str = "",
        *,
        archived: bool = False,
        people: tuple[Person, ...] = (),
    ) -> Self:
        # Names of private rooms are not unique.
        page = f"/rooms/{quote(name, safe='')}" + (f"/{id}" if private else "")
        links = RoomLinks(
            f"/api/rooms/{id}", f"/api/rooms/{id}/messages", f"/direct/{id}" if people else page
        )
        return cls(
            id, name, private, created_at, updated_at, topic, archived, bool(people), links,
            people or UNSET,
        )  # fmt: skip

    def name_for(self, reader_id: int | None) -> str:
        """Return the room's name; of direct messages the nicknames of all but the reader."""
        if self.people is UNSET:
            return self.name
        others = [each.nickname for each in self.people if each.id != reader_id]
        # The others may have deleted their accounts.
        return ", ".join(others) or "nobody else"

    def named_for(self, reader_id: int) -> Self:
        """Return the room with the name that it has for a reader."""
        return msgspec.structs.replace(self, name=self.name_for(reader_id))

    def read(self, reading: "Reading") -> Self:
        """Return the room as a reader sees it who has read so much of it."""
        return msgspec.structs.replace(
            self,
            name=self.name_for(reading.user_id),
            last_read_id=reading.last_read_id,
            unread=reading.unread,
            mentions=reading.mentions,
            muted=reading.muted,
            in_room=reading.in_room,
            mention_ids=reading.mention_ids,
        )


class Reading(msgspec.Struct, frozen=True, gc=False):
    """What a user has read of a room: all messages up to *last_read_id*.

    *unread* and *mentions* count up to MAX_COUNTED, which means that or more; *mention_ids* are the
    unread messages that mention the user. A user who is *in_room* is meant by what mentions
    everybody in the room.
    """

    room_id: int
    user_id: int
    last_read_id: int
    unread: int
    mentions: int
    muted: bool
    in_room: bool
    mention_ids: tuple[int, ...] = ()


class MessageLinks(msgspec.Struct, frozen=True, gc=False):
    self: str
    user: str


class Preview(msgspec.Struct, frozen=True, gc=False):
    """What a link in a message shows, as plain text: escape it in HTML.

    *image* is the path of a thumbnail on this server, "" if there is none.
    """

    url: str
    title: str
    description: str
    site_name: str
    image: str
    image_width: int
    image_height: int


class FileLinks(msgspec.Struct, frozen=True, gc=False):
    self: str


class File(msgspec.Struct, frozen=True, gc=False):
    """What somebody uploaded; it is in no message that the reader may not see."""

    id: int
    # Cleaned of what could mislead; it is still a stranger's: escape it in HTML.
    name: str
    # In bytes.
    size: int
    # Of a short list, by its first bytes.
    media_type: str
    links: FileLinks = msgspec.field(name="_links")
    # The path of a small picture of it, and that one's size in pixels; empty until it is made.
    image: str = ""
    image_width: int = 0
    image_height: int = 0

    @classmethod
    def of(
        cls,
        id: int,  # noqa: A002 # the column's name
        name: str,
        size: int,
        media_type: str,
        image_width: int = 0,
        image_height: int = 0,
    ) -> Self:
        path = f"/files/{id}/{quote(name, safe='')}"
        image = f"{path}/picture" if image_width else ""
        return cls(id, name, size, media_type, FileLinks(path), image, image_width, image_height)


class Reaction(msgspec.Struct, frozen=True, gc=False):
    """An emoji beside a message, and how many have put it there."""

    emoji: str
    count: int


class Message(msgspec.Struct, frozen=True, gc=False):
    id: int
    room_id: int
    user_id: int
    source: str
    html: str
    rendered: bool
    created_at: float
    # When anything about it changed last: its text, its HTML, its previews.
    updated_at: float
    # When its author changed its text last; None: never.
    edited_at: float | None
    previews: tuple[Preview, ...]
    # Other users whom it mentions, and whether it mentions everybody in the room; as rendered last.
    mentions: tuple[int, ...]
    mentions_room: bool
    # The message of the same room that it answers, which may be deleted since.
    reply_to: int | None
    # In the order in which each emoji came first.
    reactions: tuple[Reaction, ...]
    files: tuple[File, ...]
    links: MessageLinks = msgspec.field(name="_links")

    @classmethod
    def of(
        cls,
        id: int,  # noqa: A002 # the column's name
        room_id: int,
        user_id: int,
        source: str,
        html: str,
        rendered: bool,
        created_at: float,
        updated_at: float,
        edited_at: float | None = None,
        previews: tuple[Preview, ...] = (),
        mentions: tuple[int, ...] = (),
        *,
        mentions_room: bool = False,
        reply_to: int | None = None,
        reactions: tuple[Reaction, ...] = (),
        files: tuple[File, ...] = (),
    ) -> Self:
        links = MessageLinks(f"/api/messages/{id}", f"/api/users/{user_id}")
        return cls(
            id, room_id, user_id, source, html, rendered, created_at, updated_at, edited_at,
            previews, mentions, mentions_room, reply_to, reactions, files, links,
        )  # fmt: skip


class Reacted(msgspec.Struct, frozen=True):
    """What `message.reacted` carries: who put which emoji beside a message, or took it away."""

    id: int
    room_id: int
    user_id: int
    emoji: str
    added: bool
    # All of the message, after it.
    reactions: tuple[Reaction, ...]
    updated_at: float


class Mention(msgspec.Struct, frozen=True):
    """A message that mentions the reader, by name or with all in its room."""

    message: Message
    room: Room
    unread: bool

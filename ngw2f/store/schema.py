"""The tables, which hold the whole state of the chat. Times are Unix seconds.

A change here needs a migration (`migrations/versions/`); a column of messages goes into
`deleted_messages`, too.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from ngw2f.store.administration_schema import audit, invitations, options
from ngw2f.store.file_schema import file_pictures, files
from ngw2f.store.metadata import metadata, owner

# Whoever knows the tables from here knows all of them.
__all__ = ["audit", "file_pictures", "files", "invitations", "metadata", "options"]


def can_be_stored(text: str) -> bool:
    """Return whether a column may hold *text*: PostgreSQL accepts no NUL, not even in a query."""
    return "\0" not in text


users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("nickname", String(32), nullable=False),
    # The form in which nicknames are compared (ngw2f/text/names.py); it may be longer.
    Column("nickname_key", Text, nullable=False, unique=True),
    Column("password_hash", String(200), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False, index=True),
    Column("last_seen_at", Float, nullable=False),
    # The newest message when the account was made; what was said before counts as read.
    Column("read_up_to_id", Integer, nullable=False, server_default="0"),
    # "light" or "dark"; empty: as the user's system has it.
    Column("theme", String(8), nullable=False, server_default=""),
    # The code of a language; empty: as the user's browser asks for it.
    Column("language", String(8), nullable=False, server_default=""),
    # When the user deleted the account: the row stays, for what the user wrote, and says nothing
    # of who it was (ngw2f/store/departures.py). NULL: not at all.
    Column("deleted_at", Float),
    Column("admin", Boolean, nullable=False, server_default=false()),
    # Since when it cannot be used; NULL: it can.
    Column("suspended_at", Float),
    sqlite_autoincrement=True,
)

# What nicknames look like (ngw2f/text/lookalikes.py): no two users' nicknames look the same.
nickname_shapes = Table(
    "nickname_shapes",
    metadata,
    Column("shape", Text, primary_key=True),
    owner("user_id", "users.id"),
)

# API tokens and the page's sessions: both are random, and stored hashed.
tokens = Table(
    "tokens",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    owner("user_id", "users.id"),
    # True for a page's session, false for an API token.
    Column("session", Boolean, nullable=False, server_default=false()),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False, index=True),
    # What its user calls an API token, and what the client called itself that got it.
    Column("name", String(64), nullable=False, server_default=""),
    Column("user_agent", String(256), nullable=False, server_default=""),
    # When it was used last, as of some minutes ago; NULL: not since an older release made it.
    Column("used_at", Float),
    sqlite_autoincrement=True,
)

# Browsers that somebody has signed in with (ngw2f/store/devices.py); they are not sessions.
devices = Table(
    "devices",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    owner("user_id", "users.id"),
    Column("expires_at", Float, nullable=False, index=True),
    sqlite_autoincrement=True,
)

rooms = Table(
    "rooms",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, index=True),
    Column("name_key", Text, nullable=False),
    # Only its members see a private room; its name means nothing to others.
    Column("private", Boolean, nullable=False, server_default=false()),
    # The account whose quota it counts for; NULL: nobody's.
    Column("creator_id", Integer, index=True),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    # One line of plain text.
    Column("topic", Text, nullable=False, server_default=""),
    # Since when it can only be read, and is in no list; NULL: it is not archived.
    Column("archived_at", Float),
    # The ids of those who talk in it directly, "1 2 3" (ngw2f/store/directs.py); NULL: it is a
    # room with a name and changing members.
    Column("direct_key", Text),
    Index("uq_rooms_direct_key", "direct_key", unique=True),
    sqlite_autoincrement=True,
)

IS_PUBLIC = rooms.c.private == false()

# What the names of public rooms look like.
room_name_shapes = Table(
    "room_name_shapes",
    metadata,
    Column("shape", Text, primary_key=True),
    owner("room_id", "rooms.id"),
)

memberships = Table(
    "memberships",
    metadata,
    Column("room_id", ForeignKey("rooms.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("created_at", Float, nullable=False),
)

messages = Table(
    "messages",
    metadata,
    # Never reused after a deletion, because clients page by it (sqlite_autoincrement).
    Column("id", Integer, primary_key=True),
    Column("room_id", ForeignKey("rooms.id", ondelete="CASCADE"), nullable=False),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("source", Text, nullable=False),
    # Safe HTML made by a worker; before that, the source as escaped plain text.
    Column("html", Text, nullable=False),
    Column("rendered", Boolean, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    # When the author changed the source last; NULL: never.
    Column("edited_at", Float),
    # The message of the same room that it answers, which may be deleted since.
    Column("reply_to", Integer),
    # Increased with every change, so that what was made of an (id, version) stays valid.
    Column("version", Integer, nullable=False),
    # How often rendering this source failed, or killed the worker.
    Column("attempts", Integer, nullable=False, server_default="0"),
    # Of the request that posted or last edited it, for the log of the worker that renders it.
    Column("request_id", String(128), nullable=False, server_default=""),
    # Covers the query for a page's versions, so that the rows are not read.
    Index("ix_messages_page", "room_id", "id", "version"),
    Index("ix_messages_room_id_updated_at", "room_id", "updated_at"),
    # Also finds a user's newest message in a room.
    Index("ix_messages_author", "user_id", "room_id", "id"),
    sqlite_autoincrement=True,
)

# What was deleted a moment ago, for its author to restore (ngw2f/store/deleted.py).
deleted_messages = Table(
    "deleted_messages",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    owner("room_id", "rooms.id"),
    owner("user_id", "users.id"),
    Column("source", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("edited_at", Float),
    Column("reply_to", Integer),
    # JSON: emoji, user and time of each (ngw2f/store/reactions.py).
    Column("reactions", Text, nullable=False, server_default="[]"),
    # The last one that the message had.
    Column("version", Integer, nullable=False),
    Column("deleted_at", Float, nullable=False, index=True),
)

# What each user has read of each room (ngw2f/store/readings.py).
readings = Table(
    "readings",
    metadata,
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("room_id", ForeignKey("rooms.id", ondelete="CASCADE"), primary_key=True, index=True),
    # All messages up to this id are read; NULL: as for a room without a row.
    Column("last_read_id", Integer),
    # The room's newest message when `last_read_id` was set. If the user has posted since, all up to
    # that post is read.
    Column("newest_id", Integer, nullable=False, server_default="0"),
    Column("muted", Boolean, nullable=False, server_default=false()),
    # The event about this row, which the next one replaces.
    Column("event_id", BigInteger().with_variant(Integer, "sqlite")),
    sqlite_with_rowid=False,
)

# Whom messages mention (ngw2f/store/mentions.py).
mentions = Table(
    "mentions",
    metadata,
    # 0: everybody in the room.
    Column("user_id", Integer, primary_key=True, autoincrement=False),
    Column(
        "message_id",
        ForeignKey("messages.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
        index=True,
    ),
    Column("room_id", Integer, nullable=False),
    Index("ix_mentions_room", "user_id", "room_id", "message_id"),
    sqlite_with_rowid=False,
)

# Emoji that readers of messages put beside them.
reactions = Table(
    "reactions",
    metadata,
    Column("message_id", ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
    Column("emoji", String(16), primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("created_at", Float, nullable=False),
    sqlite_with_rowid=False,
)

# The content of a link, stored once for all public rooms and once for each private room: a preview
# that appears at once would reveal that somebody has posted the link elsewhere.
previews = Table(
    "previews",
    metadata,
    Column("id", Integer, primary_key=True),
    # Normalised (ngw2f/links/guard/target.py), at most 2,048 characters, all of them ASCII.
    Column("url", Text, nullable=False),
    # The private room whose messages show it; 0: all public rooms.
    Column("private_room_id", Integer, nullable=False, server_default="0"),
    # Host and port of the link; the number of fetches from one site at a time is limited.
    Column("site", Text, nullable=False),
    # All empty: there is nothing to show, or nothing yet.
    Column("title", Text, nullable=False, server_default=""),
    Column("description", Text, nullable=False, server_default=""),
    Column("site_name", Text, nullable=False, server_default=""),
    # The thumbnail's name, and its size in pixels.
    Column("image", String(22), nullable=False, server_default=""),
    Column("image_width", Integer, nullable=False, server_default="0"),
    Column("image_height", Integer, nullable=False, server_default="0"),
    # Until then, the content is not fetched again, even if there was none.
    Column("expires_at", Float, nullable=False, server_default="0"),
    # When to fetch it (again); NULL: only when somebody posts it.
    Column("due_at", Float),
    # How often in a row fetching it failed.
    Column("failures", Integer, nullable=False, server_default="0"),
    # The content has changed, and readers of messages below this id must still be notified; NULL:
    # none. (The column's name is that of an older release.)
    Column("untold_before", Integer, key="notify_below_id"),
    UniqueConstraint("url", "private_room_id"),
    sqlite_autoincrement=True,
)

# The links of each message, in their order.
message_previews = Table(
    "message_previews",
    metadata,
    Column("message_id", ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    owner("preview_id", "previews.id"),
)

# Small pictures that we made, in a table of their own because messages are read without them. The
# name is random, so only readers of the message can request the picture.
thumbnails = Table(
    "thumbnails",
    metadata,
    Column("preview_id", ForeignKey("previews.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(22), nullable=False, unique=True),
    Column("media_type", String(32), nullable=False),
    Column("body", LargeBinary, nullable=False),
)

# The status of work that was promised in answer to `Prefer: respond-async`.
tasks = Table(
    "tasks",
    metadata,
    Column("id", String(22), primary_key=True),
    # The message whose rendering ends the task; NULL: `done` says whether it has ended.
    Column("message_id", ForeignKey("messages.id", ondelete="CASCADE"), index=True),
    # The path of the result, also before it exists.
    Column("location", Text, nullable=False, server_default=""),
    Column("done", Boolean, nullable=False, server_default=false()),
    # Why there is no result so far; empty if nothing has failed.
    Column("problem", Text, nullable=False, server_default=""),
    Column("created_at", Float, nullable=False, index=True),
)

# Clients' names for their writes, each of which is done once however often it is sent.
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    # SHA-256 of the key, and of the request that came with it.
    Column("key_digest", LargeBinary(32), primary_key=True),
    Column("request_digest", LargeBinary(32), nullable=False),
    # The message or room that was made; it may have been deleted since.
    Column("resource_id", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# What clients are told, in the order of the commits: each event is written with its change, and
# appended to the stream from here.
events = Table(
    "events",
    metadata,
    # Milliseconds since 1970, or one more than the last: a stream's id (ngw2f/live/log.py).
    Column(
        "id",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("name", String(32), nullable=False),
    # JSON, as it is sent to clients.
    Column("data", Text, nullable=False),
    # The room whose readers may see it; NULL: everybody.
    Column("room_id", Integer),
    # The only user who may see it; NULL: all who may see the room.
    Column("user_id", Integer),
)

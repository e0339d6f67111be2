"""The tables. Times are Unix seconds; what is true about the chat is here and nowhere else."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

# Names for constraints, so that a migration can speak of them.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def can_be_stored(text: str) -> bool:
    """Say whether a column may hold *text*: PostgreSQL takes no NUL, not even in a question."""
    return "\0" not in text


def _owner(column: str, target: str) -> Column[int]:
    """Return a reference to the row without which this one makes no sense."""
    return Column(column, ForeignKey(target, ondelete="CASCADE"), nullable=False, index=True)


users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("nickname", String(32), nullable=False),
    # The nickname as it is compared (ngw2f/text/names.py), so it may be longer.
    Column("nickname_key", Text, nullable=False, unique=True),
    Column("password_hash", String(200), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False, index=True),
    Column("last_seen_at", Float, nullable=False),
    sqlite_autoincrement=True,
)

# What nicknames look like (ngw2f/text/lookalikes.py): nobody has one that looks like another's.
nickname_shapes = Table(
    "nickname_shapes",
    metadata,
    Column("shape", Text, primary_key=True),
    _owner("user_id", "users.id"),
)

# API tokens and the page's sessions: both are random, and stored hashed.
tokens = Table(
    "tokens",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    _owner("user_id", "users.id"),
    # A page's session; false: an API token.
    Column("session", Boolean, nullable=False, server_default=false()),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False, index=True),
    sqlite_autoincrement=True,
)

# Browsers that have signed in before; not sessions (ngw2f/store/devices.py).
devices = Table(
    "devices",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    _owner("user_id", "users.id"),
    Column("expires_at", Float, nullable=False, index=True),
    sqlite_autoincrement=True,
)

rooms = Table(
    "rooms",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, index=True),
    Column("name_key", Text, nullable=False),
    # A private room is there for its members only; its name says nothing to others.
    Column("private", Boolean, nullable=False, server_default=false()),
    # For whose quota it counts; NULL: nobody's.
    Column("creator_id", Integer, index=True),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    sqlite_autoincrement=True,
)

IS_PUBLIC = rooms.c.private == false()
Index(
    "uq_rooms_public_name_key",
    rooms.c.name_key,
    unique=True,
    sqlite_where=IS_PUBLIC,
    postgresql_where=IS_PUBLIC,
)

# In the order of ids, as lists have them.
Index("ix_rooms_public", rooms.c.id, sqlite_where=IS_PUBLIC, postgresql_where=IS_PUBLIC)

# What the names of public rooms look like.
room_name_shapes = Table(
    "room_name_shapes",
    metadata,
    Column("shape", Text, primary_key=True),
    _owner("room_id", "rooms.id"),
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
    # Never used again after a deletion: clients page by it (sqlite_autoincrement).
    Column("id", Integer, primary_key=True),
    Column("room_id", ForeignKey("rooms.id", ondelete="CASCADE"), nullable=False),
    _owner("user_id", "users.id"),
    Column("source", Text, nullable=False),
    # Safe HTML made by a worker; until then the source as plain text, escaped.
    Column("html", Text, nullable=False),
    Column("rendered", Boolean, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    # One more with every change: what was made of an (id, version) stays true.
    Column("version", Integer, nullable=False),
    # How often rendering this source failed, or killed the worker.
    Column("attempts", Integer, nullable=False, server_default="0"),
    # Of the request that posted or edited it last, for the log of who renders it.
    Column("request_id", String(128), nullable=False, server_default=""),
    # Has all that a page's list of versions needs, so that the rows are not read.
    Index("ix_messages_page", "room_id", "id", "version"),
    Index("ix_messages_room_id_updated_at", "room_id", "updated_at"),
    sqlite_autoincrement=True,
)
# The outbox: what a worker has still to render. It is small whatever the history is, and each
# author's messages are counted in it without a look at the rows.
Index(
    "ix_messages_outbox",
    messages.c.attempts,
    messages.c.user_id,
    messages.c.id,
    # Or SQLite looks into each row whether it is what the index is for.
    messages.c.rendered,
    sqlite_where=messages.c.rendered == false(),
    postgresql_where=messages.c.rendered == false(),
)

# What is behind a link, once however often it is posted where everybody may read, and once for
# each private room: a preview that is there at once would tell that somebody posted the link.
previews = Table(
    "previews",
    metadata,
    Column("id", Integer, primary_key=True),
    # Normalised (ngw2f/links/guard/target.py), at most 2,048 characters, all of them ASCII.
    Column("url", Text, nullable=False),
    # The private room whose messages show it; 0: those of all public rooms.
    Column("private_room_id", Integer, nullable=False, server_default="0"),
    # Where it leads, with the port: so many are fetched from one of these at a time.
    Column("site", Text, nullable=False),
    # All empty: there is nothing to show, not yet, or not at all.
    Column("title", Text, nullable=False, server_default=""),
    Column("description", Text, nullable=False, server_default=""),
    Column("site_name", Text, nullable=False, server_default=""),
    # The thumbnail's name, and its size in pixels.
    Column("image", String(22), nullable=False, server_default=""),
    Column("image_width", Integer, nullable=False, server_default="0"),
    Column("image_height", Integer, nullable=False, server_default="0"),
    # Until then what is known is good enough, also that nothing could be had.
    Column("expires_at", Float, nullable=False, server_default="0"),
    # When it is to be fetched (again); NULL: not unless somebody posts it.
    Column("due_at", Float),
    # How often in a row it could not be fetched.
    Column("failures", Integer, nullable=False, server_default="0"),
    # What is shown has changed, and readers of messages below this id have still to be
    # notified; NULL: of none. (The column's name is that of an older release.)
    Column("untold_before", Integer, key="notify_below_id"),
    UniqueConstraint("url", "private_room_id"),
    sqlite_autoincrement=True,
)
# The outbox of links: what a worker has still to fetch.
Index(
    "ix_previews_outbox",
    previews.c.due_at,
    sqlite_where=previews.c.due_at.is_not(None),
    postgresql_where=previews.c.due_at.is_not(None),
)
# Previews whose readers have still to be notified.
Index(
    "ix_previews_untold",
    previews.c.id,
    sqlite_where=previews.c.notify_below_id.is_not(None),
    postgresql_where=previews.c.notify_below_id.is_not(None),
)

# Which links a message has, in which order.
message_previews = Table(
    "message_previews",
    metadata,
    Column("message_id", ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    _owner("preview_id", "previews.id"),
)

# Small pictures of our own making, apart from what is read with every message. The
# name is random: who does not have it from a message cannot ask for it.
thumbnails = Table(
    "thumbnails",
    metadata,
    Column("preview_id", ForeignKey("previews.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(22), nullable=False, unique=True),
    Column("media_type", String(32), nullable=False),
    Column("body", LargeBinary, nullable=False),
)

# What `Prefer: respond-async` answered with: a status that can be asked for.
tasks = Table(
    "tasks",
    metadata,
    Column("id", String(22), primary_key=True),
    # The message whose rendering ends it; NULL: `done` says whether it has ended.
    Column("message_id", ForeignKey("messages.id", ondelete="CASCADE"), index=True),
    # Where the result is, or will be.
    Column("location", Text, nullable=False, server_default=""),
    Column("done", Boolean, nullable=False, server_default=false()),
    # Why there is no result so far; empty: nothing has failed.
    Column("problem", Text, nullable=False, server_default=""),
    Column("created_at", Float, nullable=False, index=True),
)

# By what clients call their writes, which are done once however often they are sent.
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    # SHA-256, of the key and of what was asked for with it.
    Column("key_digest", LargeBinary(32), primary_key=True),
    Column("request_digest", LargeBinary(32), nullable=False),
    # Of the message, or the room, that was made, be it deleted since.
    Column("resource_id", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# What clients are told of, in the order in which it became true: each event is
# written with the change that it tells of, and appended to the stream from here.
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
    # JSON, as clients get it.
    Column("data", Text, nullable=False),
    # Whose room's readers may see it; NULL: everybody.
    Column("room_id", Integer),
)

"""The table of what people upload."""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from ngw2f.store.metadata import metadata, owner

# What people upload; the bytes are on the disk (ngw2f/store/file_contents.py).
files = Table(
    "files",
    metadata,
    Column("id", Integer, primary_key=True),
    # The name on the disk, which is random.
    Column("key", String(32), nullable=False, unique=True),
    owner("user_id", "users.id"),
    owner("room_id", "rooms.id"),
    # The message that shows it, which may be deleted since; NULL: none so far.
    Column("message_id", Integer, index=True),
    # As people see it, cleaned (ngw2f/text/file_names.py).
    Column("name", Text, nullable=False),
    # In bytes; while it is being uploaded, what is set aside for it.
    Column("size", BigInteger, nullable=False),
    # Of a short list, by its first bytes; empty while it is being uploaded.
    Column("media_type", String(64), nullable=False, server_default=""),
    Column("created_at", Float, nullable=False),
    # When it may be removed; NULL: never, because a message shows it.
    Column("expires_at", Float, index=True),
    # The size of its small picture in pixels; 0: it has none.
    Column("image_width", Integer, nullable=False, server_default="0"),
    Column("image_height", Integer, nullable=False, server_default="0"),
    # When a worker is to make that; NULL: never, or it is made.
    Column("picture_due_at", Float),
    Column("picture_tries", Integer, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)

# The small pictures of those that are pictures, in a table of their own because messages are read
# without them.
file_pictures = Table(
    "file_pictures",
    metadata,
    Column("file_id", ForeignKey("files.id", ondelete="CASCADE"), primary_key=True),
    Column("media_type", String(32), nullable=False),
    Column("body", LargeBinary, nullable=False),
)

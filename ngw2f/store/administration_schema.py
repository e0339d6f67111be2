"""The tables of administration; `schema.py` has all others."""

from sqlalchemy import Column, Float, Integer, LargeBinary, String, Table, Text

from ngw2f.store.metadata import metadata, owner

# Whoever has one of their codes may register (ngw2f/store/registration.py).
invitations = Table(
    "invitations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    # The administrator who made it.
    owner("user_id", "users.id"),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("uses", Integer, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)

# What administrators choose for the whole chat.
options = Table(
    "options",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", Text, nullable=False),
)

# What administrators did (ngw2f/store/audit.py); it stays when those whom it names are gone.
audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("action", String(32), nullable=False),
    Column("actor_id", Integer, nullable=False),
    Column("actor", Text, nullable=False),
    # To whom it was done.
    Column("user_id", Integer),
    Column("nickname", Text, nullable=False, server_default=""),
    Column("room_id", Integer),
    Column("message_id", Integer),
    Column("detail", Text, nullable=False, server_default=""),
    sqlite_autoincrement=True,
)

"""The indexes that cover some of a table's rows. Only migrations need to know of them here.

Each names a condition for either database, by which SQLAlchemy loads the dialects of both.
"""

from typing import Any

from sqlalchemy import ColumnElement, Index, false

from ngw2f.store.schema import IS_PUBLIC, files, messages, previews, rooms


def _add(
    name: str, where: ColumnElement[bool], *columns: ColumnElement[Any], unique: bool = False
) -> None:
    Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


_add("uq_rooms_public_name_key", IS_PUBLIC, rooms.c.name_key, unique=True)
# Ordered by id, as lists are.
_add("ix_rooms_public", IS_PUBLIC, rooms.c.id)

# The outbox: what a worker must still render. It is small however long the history is, and each
# author's messages are counted without reading the rows.
_add(
    "ix_messages_outbox",
    messages.c.rendered == false(),
    messages.c.attempts,
    messages.c.user_id,
    messages.c.id,
    # Without it, SQLite reads each row to check the index's condition.
    messages.c.rendered,
)

# The outbox of links: what a worker must still fetch.
_add("ix_previews_outbox", previews.c.due_at.is_not(None), previews.c.due_at)
# Uploaded pictures of which a worker must still make small ones.
_add("ix_files_pictures", files.c.picture_due_at.is_not(None), files.c.picture_due_at)
# Previews whose readers must still be notified.
_add("ix_previews_untold", previews.c.notify_below_id.is_not(None), previews.c.id)

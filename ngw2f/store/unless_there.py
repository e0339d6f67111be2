"""Insert a row unless its key is there already.

SQLAlchemy has this clause in its dialects only, and they take long to load, so only the database's
own is asked.
"""

from functools import cache
from importlib import import_module
from typing import Any

from sqlalchemy import Table


@cache
def insert_unless_there(dialect: str, table: Table, *key: str) -> Any:
    """Return the statement for the dialect of that name; *key* are columns of a unique index."""
    insert = import_module(f"sqlalchemy.dialects.{dialect}").insert
    return insert(table).on_conflict_do_nothing(index_elements=key)

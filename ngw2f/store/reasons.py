"""One-line reasons why a database cannot be used."""

from collections.abc import Collection

from sqlalchemy.exc import NoSuchModuleError

SHOWN_TABLES = 3


def why_no_engine(error: Exception) -> str:
    """Return why SQLAlchemy cannot create an engine, without the URL and its password."""
    if isinstance(error, ImportError):
        return f"its driver is not installed ({error})"
    return str(error) if isinstance(error, NoSuchModuleError) else "this is no URL of a database"


def reason_of(error: Exception) -> str:
    """Return the first line of the error of a database, or of its driver."""
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def of_another_program(tables: Collection[str]) -> str:
    """Return a sentence: the database belongs to another program, which has these tables."""
    names = sorted(tables)
    some = ", ".join(names[:SHOWN_TABLES]) + (", ..." if names[SHOWN_TABLES:] else "")
    return f"there are tables of another program in it ({some}), and no chat; is it the right one?"

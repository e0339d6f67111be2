"""What all tables have in common."""

from sqlalchemy import Column, ForeignKey, MetaData

# Names for constraints, so that migrations can refer to them.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def owner(column: str, target: str) -> Column[int]:
    """Return a reference to the row that owns this one; it is deleted with its owner."""
    return Column(column, ForeignKey(target, ondelete="CASCADE"), nullable=False, index=True)

import pytest
from sqlalchemy import Table

from ngw2f.store.schema import metadata


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_references_are_indexed(table: Table) -> None:
    """Deleting a row looks for those that refer to it: by an index, or it takes long."""
    firsts = {index.columns[0].name for index in table.indexes}
    firsts.add(table.primary_key.columns[0].name)
    assert {key.parent.name for key in table.foreign_keys} <= firsts

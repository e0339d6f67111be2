import pytest
from sqlalchemy import create_engine, text

from tests.databases import LentDatabase

# What a test finds first: the version, the room, and the number that the next one gets.
FOUND = """
    SELECT version_num, id, name, nextval('rooms_id_seq'), (SELECT count(*) FROM pg_indexes)
    FROM rooms, alembic_version
"""
CHANGES = {
    "a row": """
        INSERT INTO rooms (id, name, name_key, private, created_at, updated_at)
        VALUES (nextval('rooms_id_seq'), 'den', 'den', false, 0, 0)
    """,
    "fewer rows": "DELETE FROM room_name_shapes; DELETE FROM rooms",
    "the version": "UPDATE alembic_version SET version_num = '9999'",
    "a table": "CREATE TABLE numbers (number INTEGER)",
    "a column": "ALTER TABLE rooms RENAME name TO lost",
    "an index": "DROP INDEX ix_users_updated_at",
    "no tables": "DROP SCHEMA public CASCADE",
}


def ask(database: LentDatabase, statement: str) -> list[tuple[object, ...]]:
    engine = create_engine(database.url)
    with engine.begin() as connection:
        result = connection.execute(text(statement))
        rows = [tuple(row) for row in result] if result.returns_rows else []
    engine.dispose()
    return rows


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_change_is_not_left_to_the_next_test(lent_database: LentDatabase, change: str) -> None:
    before = ask(lent_database, FOUND)
    lent_database.clean()
    ask(lent_database, change)
    lent_database.clean()
    assert ask(lent_database, FOUND) == before
    lent_database.clean()

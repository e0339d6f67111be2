from ngw2f.store.database import Database
from ngw2f.store.schema import previews
from ngw2f.store.unless_there import insert_unless_there


def test_row_is_inserted_once(database: Database) -> None:
    row = {"url": "http://example.com/", "private_room_id": 0, "site": "example.com"}
    with database.writing() as connection:
        dialect = connection.dialect.name
        statement = insert_unless_there(dialect, previews, "url", "private_room_id")
        inserted = [
            connection.execute(statement.values(**each).returning(previews.c.id)).first()
            for each in (row, row, {**row, "private_room_id": 1})
        ]
    assert [each is not None for each in inserted] == [True, False, True]

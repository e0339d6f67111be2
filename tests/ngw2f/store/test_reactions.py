"""Who reacted: the first ones, however many others did."""

from ngw2f.store import messages
from ngw2f.store.database import Database
from ngw2f.store.reactions import MAX_NAMED, WHO, add_reaction, who_reacted
from tests.ngw2f.store.conftest import create_user

THUMB, HEART = "\U0001f44d", "\u2764\ufe0f"


def test_only_the_first_of_each_emoji_are_read(database: Database, lobby: int) -> None:
    ids = [create_user(database, f"user{number}").id for number in range(MAX_NAMED + 5)]
    with database.writing() as connection:
        message = messages.create_message(connection, lobby, ids[0], "a", "a")
        # Whose id is greater came first.
        for place, user_id in enumerate(reversed(ids)):
            add_reaction(connection, message.id, THUMB, user_id, 2.0 + place)
        add_reaction(connection, message.id, HEART, ids[3], 1.0)
        add_reaction(connection, message.id, HEART, ids[2], 1.0)
    with database.reading() as connection:
        assert list(who_reacted(connection, message.id).items()) == [
            (HEART, [ids[2], ids[3]]),
            (THUMB, ids[::-1][:MAX_NAMED]),
        ]
        rows = connection.execute(WHO, {"message_id": message.id}).all()
    assert len(rows) == MAX_NAMED + 2

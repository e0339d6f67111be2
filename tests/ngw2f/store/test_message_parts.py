"""What is beside messages is found in two ways: by all ids, and by the first and the last."""

import pytest
from sqlalchemy import Connection, Table, insert

from ngw2f.api_resources import File, Preview, Reaction
from ngw2f.store import message_parts, messages
from ngw2f.store.database import Database
from ngw2f.store.message_parts import MAX_SPAN, Parts, parts_of
from ngw2f.store.readings import EVERYBODY
from ngw2f.store.schema import files, mentions, message_previews, previews, reactions
from ngw2f.store.users import UserRow


@pytest.mark.parametrize("span", [MAX_SPAN, 0])
def test_parts_are_those_of_the_messages(
    database: Database, ann: UserRow, lobby: int, monkeypatch: pytest.MonkeyPatch, span: int
) -> None:
    monkeypatch.setattr(message_parts, "MAX_SPAN", span)
    with database.writing() as connection:
        ids = [messages.create_message(connection, lobby, ann.id, "x", "").id for _ in range(6)]
        first, linked, calling, other, reacted, last = ids
        put(connection, previews, url="http://a/", site="a", title="Title")
        for each in (linked, other):
            put(connection, message_previews, message_id=each, position=0, preview_id=1)
        for whom in (ann.id, EVERYBODY):
            put(connection, mentions, message_id=calling, user_id=whom, room_id=lobby)
        for each in (other, reacted, last):
            same = {"message_id": each, "user_id": ann.id, "created_at": 1.0}
            put(connection, reactions, emoji="x", **same)
        owned = {"user_id": ann.id, "room_id": lobby, "created_at": 1.0}
        put(connection, files, key="k", message_id=last, name="a.txt", size=3, **owned)
        shown = File.of(1, "a.txt", 3, "")
        asked = [each for each in ids if each != other]
        assert parts_of(connection, asked) == Parts(
            {linked: (Preview("http://a/", "Title", "", "", "", 0, 0),)},
            {calling: (EVERYBODY, ann.id)},
            {reacted: (Reaction("x", 1),), last: (Reaction("x", 1),)},
            {last: (shown,)},
        )
        whole = dict(enumerate(message for _, message in messages.load_messages(connection, asked)))
        assert [message.id for message in whole.values()] == asked
        assert (whole[2].mentions, whole[2].mentions_room) == ((ann.id,), True)
        assert (whole[4].reactions, whole[4].files) == ((Reaction("x", 1),), (shown,))
        assert parts_of(connection, [first]) is parts_of(connection, []) is None


def put(connection: Connection, table: Table, **values: object) -> None:
    connection.execute(insert(table).values(values))

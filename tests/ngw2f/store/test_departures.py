"""An account that is deleted, and what is exported of one, on both databases."""

from sqlalchemy import func, select

from ngw2f.store import deleted, files, mentions, messages, own_data, rooms, schema, tokens, users
from ngw2f.store.database import Database
from ngw2f.store.departures import delete_account
from ngw2f.store.users import Credentials, UserRow


def test_nothing_is_written_about_it_any_more(database: Database, ann: UserRow) -> None:
    """By what was still going on, in a request and in the streams that end."""
    with database.writing() as connection:
        assert users.lock_current(connection, Credentials(ann.id, "hash"))
        left = delete_account(connection, ann.id)
    with database.writing() as connection:
        users.set_last_seen(connection, ann.id, 9.0)
        named = {"nickname": "Eve", "nickname_key": "eve"}
        assert not users.change_user(connection, ann.id, {"eve"}, **named)
    with database.reading() as connection:
        assert users.find_user(connection, ann.id) == left
        assert not users.is_shape_taken(connection, {"eve"})


def test_all_goes_but_messages(database: Database, ann: UserRow, bob: UserRow, lobby: int) -> None:
    with database.writing() as connection:
        own = rooms.create_room(connection, "own", "own", ann.id, private=True)
        shared = rooms.create_room(connection, "den", "den", ann.id, private=True)
        rooms.add_member(connection, shared.id, bob.id)
        rooms.create_room(connection, "tea", "tea", ann.id, private=False)
        tokens.create_token(connection, ann.id, 1)
        kept = messages.create_message(connection, lobby, ann.id, "a", "a")
        messages.create_message(connection, own.id, ann.id, "a", "a")
        calling = messages.create_message(connection, lobby, bob.id, "@ann", "@ann")
        found = mentions.find_mentions(connection, [(calling, "<p>@ann</p>")])
        mentions.store_mentions(connection, [message for message, _ in found])
    with database.writing() as connection:
        assert users.lock_current(connection, Credentials(ann.id, "hash"))
        left = delete_account(connection, ann.id)
    assert (left.nickname, left.id) == ("deleted account", ann.id)
    assert left.deleted_at is not None
    assert left.updated_at > ann.updated_at
    with database.reading() as connection:
        assert messages.find_message(connection, kept.id, bob) == kept
        names = connection.scalars(select(schema.rooms.c.name).order_by(schema.rooms.c.name))
        assert list(names) == ["den", "lobby", "tea"]
        assert connection.scalar(select(func.count(schema.rooms.c.creator_id))) == 0
        for table in (schema.tokens, schema.mentions, schema.nickname_shapes):
            assert connection.scalar(select(func.count()).select_from(table)) == 0
        assert rooms.member_ids(connection, shared.id) == {bob.id}
        assert users.find_credentials(connection, "Ann", "ann") is None
        assert [user.id for user in users.list_users(connection)] == [bob.id]


def test_messages_are_read_in_parts(database: Database, ann: UserRow, lobby: int) -> None:
    with database.writing() as connection:
        den = rooms.create_room(connection, "den", "den", ann.id, private=True)
        ids = [
            messages.create_message(connection, room_id, ann.id, "a", "a").id
            for room_id in (den.id, lobby, den.id)
        ]
    part = own_data.LISTS["messages"]
    with database.reading() as connection:
        found = part.read(connection, ann, part.first)
        assert [part.place_of(each) for each in found] == [
            (lobby, ids[1]),
            (den.id, ids[0]),
            (den.id, ids[2]),
        ]
        assert part.read(connection, ann, (den.id, ids[0])) == [found[2]]
        assert part.read(connection, ann, (den.id, ids[2])) == []
        for each in own_data.LISTS.values():
            each.read(connection, ann, each.first)


def test_only_files_in_messages_that_stay_are_kept(
    database: Database, ann: UserRow, lobby: int
) -> None:
    """All others are left to the upkeep, which removes what lies on the disk."""
    with database.writing() as connection:
        own = rooms.create_room(connection, "own", "own", ann.id, private=True)
        ids = {}
        for key, room_id in (
            ("kept", lobby),
            ("unused", lobby),
            ("deleted", lobby),
            ("in own room", own.id),
        ):
            size = {"most": 9_999, "most_of_user": 99_999}
            ids[key], _ = files.add_file(connection, key, ann.id, room_id, key, 5, **size)
            files.finish_file(connection, ids[key], 5, "image/png")
            if key != "unused":
                message = messages.create_message(connection, room_id, ann.id, "a", "a")
                files.attach_files(connection, message.id, room_id, ann.id, [ids[key]])
            if key == "deleted":
                deleted.set_aside(connection, message.id)
        part = own_data.LISTS["files"]
        exported = part.read(connection, ann, part.first)
        assert [getattr(each, "name", "") for each in exported] == list(ids)
    with database.writing() as connection:
        assert users.lock_current(connection, Credentials(ann.id, "hash"))
        delete_account(connection, ann.id)
    with database.reading() as connection:
        columns = schema.files.c.key, schema.files.c.room_id, schema.files.c.expires_at
        rows = connection.execute(select(*columns)).all()
    assert {key: room_id for key, room_id, _ in rows} == dict.fromkeys(ids, lobby)
    assert [key for key, _, expires_at in rows if expires_at is None] == ["kept"]

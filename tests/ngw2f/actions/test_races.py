"""What others do at the same time, before a change has its turn."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from sqlalchemy import Connection, select, update

from ngw2f.actions.directs import Directs
from ngw2f.actions.messages import Messages
from ngw2f.actions.rooms import Rooms
from ngw2f.broker.limits import Limits
from ngw2f.core import Core
from ngw2f.errors import NotFound
from ngw2f.store import deleted, files, mentions, schema, users
from ngw2f.store import messages as stored
from ngw2f.store.departures import delete_account
from ngw2f.store.order import take_turn
from ngw2f.store.rooms import LOBBY_ID, member_ids
from ngw2f.store.schema import deleted_messages
from ngw2f.store.users import Credentials, UserRow
from tests.ngw2f.actions.conftest import create_user
from tests.overtaking import overtaken

postgresql = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)


@pytest.fixture(params=["admit", "direct"])
def take_in(
    request: pytest.FixtureRequest, core: Core, limits: Limits, rooms: Rooms, ann: UserRow
) -> Callable[[UserRow], object]:
    """Give a function that makes somebody a member of a room of Ann's."""
    if request.param == "direct":
        return lambda whom: Directs(core, limits).open(ann, [whom.id])
    den = rooms.create(ann, "den", private=True)
    return lambda whom: rooms.admit(ann, den.id, whom.id)


@postgresql
def test_who_is_deleting_the_account_gets_into_no_room(
    core: Core, take_in: Callable[[UserRow], object], bob: UserRow
) -> None:
    def write(connection: Connection, number: int) -> None:
        if number == 0:
            assert users.lock_current(connection, Credentials(bob.id, "hash"))
            delete_account(connection, bob.id)
        else:
            with suppress(NotFound):
                take_in(bob)

    with overtaken(core.database, write):
        pass
    with core.database.reading() as connection:
        assert not any(bob.id in member_ids(connection, room_id) for room_id in (1, 2))


@postgresql
def test_administrator_who_removes_a_member_and_a_renderer_do_not_wait_for_each_other(
    core: Core, rooms: Rooms, messages: Messages, ann: UserRow, bob: UserRow
) -> None:
    """The renderer has the message that mentions the member when its turn comes."""
    cleo = create_user(core, "Cleo")
    den = rooms.create(bob, "den", private=True)
    rooms.admit(bob, den.id, ann.id)
    rooms.admit(bob, den.id, cleo.id)
    message = messages.post(bob, den.id, "@Cleo").message
    with core.database.writing() as connection:
        [(mentioning, _)] = mentions.find_mentions(connection, [(message, "@Cleo")])
        mentions.store_mentions(connection, [mentioning])

    def write(connection: Connection, number: int) -> None:
        if number == 0:
            stored.lock_messages(connection, [message.id])
        else:
            rooms.remove_member(ann, den.id, cleo.id)

    with overtaken(core.database, write) as connection:
        take_turn(connection)
    with core.database.reading() as connection:
        assert cleo.id not in member_ids(connection, den.id)


@postgresql
def test_message_that_is_restored_at_the_last_moment_keeps_its_files(
    core: Core, messages: Messages, ann: UserRow
) -> None:
    with core.database.writing() as connection:
        file_id, _ = files.add_file(
            connection, "key", ann.id, LOBBY_ID, "a.txt", 5, most=9, most_of_user=9_999
        )
        files.finish_file(connection, file_id, 5, "text/plain")
    message = messages.post(ann, LOBBY_ID, "look", file_ids=[file_id]).message
    messages.remove(ann, message.id)
    with core.database.writing() as connection:
        connection.execute(update(deleted_messages).values(deleted_at=0))

    def write(connection: Connection, number: int) -> None:
        if number == 0:
            deleted.restore_message(connection, message.id, "look")
        else:
            deleted.forget_expired(connection)

    with overtaken(core.database, write):
        pass
    with core.database.reading() as connection:
        assert [each.id for each in files.files_of(connection, [message.id])[message.id]]
        assert connection.scalar(select(schema.files.c.expires_at)) is None

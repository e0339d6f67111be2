"""Administrators: the first account is one, and what they do stands in the log."""

from collections.abc import Callable, Iterator

import msgspec
import pytest
from sqlalchemy import select

from ngw2f.actions.accounts import Accounts
from ngw2f.actions.administration import Administration, appoint_by_operator
from ngw2f.actions.messages import Messages
from ngw2f.actions.rooms import RoomChanges, Rooms
from ngw2f.actions.sessions import Sessions
from ngw2f.actions.sign_in import Client, SignIn
from ngw2f.broker.limits import Limits
from ngw2f.core import Core
from ngw2f.errors import Conflict, Forbidden, Invalid, NotFound
from ngw2f.live.entry import entry_of
from ngw2f.live.formats import SOCKETIO_PACKETS
from ngw2f.live.hub import Hub
from ngw2f.live.presence import Presence
from ngw2f.live.subscription import Ending
from ngw2f.store import audit, events, registration, users
from ngw2f.store.devices import create_device, is_device_of
from ngw2f.store.messages import find_message
from ngw2f.store.rooms import LOBBY_ID
from ngw2f.store.schema import invitations
from ngw2f.store.users import Credentials, UserRow

both = pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=True)
CLIENT = Client("192.0.2.1")
PASSWORD = "open sesame"


@pytest.fixture
def administration(core: Core, limits: Limits) -> Administration:
    return Administration(core, limits)


@pytest.fixture
def log(core: Core) -> Callable[[], list[tuple[str, str, str, str]]]:
    """Give a function that reads the log, oldest first: who, what, to whom, and the details."""

    def read() -> list[tuple[str, str, str, str]]:
        with core.database.reading() as connection:
            found = audit.list_entries(connection, before=10_000, limit=100)
        return [(each.actor, each.action, each.nickname, each.detail) for each in found[::-1]]

    return read


def look(core: Core, user: UserRow) -> UserRow:
    with core.database.reading() as connection:
        found = users.find_user(connection, user.id)
    assert found
    return found


@both
def test_first_account_administers(core: Core, ann: UserRow, bob: UserRow) -> None:
    assert (ann.is_admin, look(core, ann).is_admin) == (True, True)
    assert (bob.is_admin, look(core, bob).is_admin) == (False, False)


@both
def test_administration_is_handed_on(
    core: Core,
    administration: Administration,
    ann: UserRow,
    bob: UserRow,
    log: Callable[[], list[tuple[str, str, str, str]]],
    event_names: Callable[[], list[str]],
) -> None:
    with pytest.raises(Forbidden):
        administration.appoint(bob, bob.id)
    with pytest.raises(Conflict, match="last administrator"):
        administration.dismiss(ann, ann.id)
    administration.appoint(ann, bob.id)
    administration.appoint(ann, bob.id)
    administration.dismiss(ann, ann.id)
    # At once, whatever a process still knows of her.
    with pytest.raises(Forbidden):
        administration.dismiss(ann, bob.id)
    assert look(core, bob).is_admin
    assert log() == [
        ("Ann", "administrator.appointed", "Bob", ""),
        ("Ann", "administrator.dismissed", "Ann", ""),
    ]
    assert event_names() == ["user.updated", "user.updated"]


@both
@pytest.mark.parametrize("is_online", [True, False])
def test_events_say_whether_the_user_is_online(
    core: Core, administration: Administration, ann: UserRow, bob: UserRow, *, is_online: bool
) -> None:
    if is_online:
        Presence(core.broker).enter([bob.id])
    administration.appoint(ann, bob.id)
    administration.dismiss(ann, bob.id)
    administration.suspend(ann, bob.id)
    administration.lift_suspension(ann, bob.id)
    appoint_by_operator(core, "Bob")
    with core.database.reading() as connection:
        run = events.list_events(connection, 0, 20)
    updates = [each.data for each in run.events if each.name == "user.updated"]
    assert [msgspec.json.decode(data)["online"] for data in updates] == [is_online] * 5


@both
def test_change_that_fails_is_not_in_the_log(
    core: Core,
    administration: Administration,
    ann: UserRow,
    bob: UserRow,
    log: Callable[[], list[tuple[str, str, str, str]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(core.events, "record", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        administration.appoint(ann, bob.id)
    assert (look(core, bob).is_admin, log()) == (False, [])


@both
def test_suspended_account_cannot_be_used(
    core: Core,
    administration: Administration,
    accounts: Accounts,
    sessions: Sessions,
    sign_in: SignIn,
    messages: Messages,
    ann: UserRow,
    log: Callable[[], list[tuple[str, str, str, str]]],
) -> None:
    credentials = accounts.register(CLIENT, "eve", PASSWORD).credentials
    token = sessions.create_token(credentials)
    eve = sessions.find_user(token)
    assert eve
    with core.database.writing() as connection:
        device = create_device(connection, eve.id)
    message = messages.post(eve, LOBBY_ID, "hello").message
    administration.suspend(ann, eve.id)
    administration.suspend(ann, eve.id)
    assert sessions.find_user(token) is None
    known = sign_in.check_password(CLIENT, "eve", PASSWORD)
    assert known
    for begin in (
        lambda: sessions.create_token(known),
        lambda: sessions.begin(known, remember=True),
    ):
        with pytest.raises(Forbidden, match="suspended"):
            begin()
    with core.database.reading() as connection:
        assert find_message(connection, message.id, ann)
    with pytest.raises(Conflict):
        administration.appoint(ann, eve.id)
    administration.lift_suspension(ann, eve.id)
    # What was ended does not come back.
    assert sessions.find_user(token) is None
    with core.database.reading() as connection:
        assert not is_device_of(connection, device, eve.id)
    assert sessions.find_user(sessions.create_token(known))
    assert [entry[1:3] for entry in log()] == [("user.suspended", "eve"), ("user.restored", "eve")]


def test_administrators_and_nobody_are_not_suspended(
    administration: Administration, ann: UserRow, bob: UserRow
) -> None:
    with pytest.raises(Conflict):
        administration.suspend(ann, ann.id)
    for user_id in (404, 2**40):
        with pytest.raises(NotFound):
            administration.suspend(ann, user_id)
    with pytest.raises(Forbidden):
        administration.suspend(bob, ann.id)


@pytest.fixture
def hub(core: Core) -> Iterator[Hub]:
    """Give the hub of another process."""
    hub = Hub(core.settings, core.database, core.events)
    yield hub
    hub.stop()


def test_streams_of_a_suspended_account_end(
    core: Core,
    administration: Administration,
    sessions: Sessions,
    accounts: Accounts,
    hub: Hub,
    ann: UserRow,
) -> None:
    credentials = accounts.register(CLIENT, "eve", PASSWORD).credentials
    eve = sessions.find_user(sessions.create_token(credentials))
    assert eve
    stream = hub.subscribe(SOCKETIO_PACKETS, eve.id, eve.token_digest)
    administration.suspend(ann, eve.id)
    deliver_all(core, hub)
    assert stream.ending is Ending.REVOKED


def deliver_all(core: Core, hub: Hub) -> None:
    with core.database.reading() as connection:
        for event in events.list_events(connection, 0, 100).events:
            hub.deliver(entry_of(event))


@both
def test_who_may_register(
    core: Core,
    administration: Administration,
    accounts: Accounts,
    ann: UserRow,
    log: Callable[[], list[tuple[str, str, str, str]]],
) -> None:
    assert administration.find_mode() == "open"
    accounts.register(CLIENT, "bob", PASSWORD)
    administration.set_mode(ann, "closed")
    made = administration.invite(ann)
    for code in ("", made.code):
        with pytest.raises(Forbidden, match="nobody new"):
            accounts.register(CLIENT, "cleo", PASSWORD, code)
    assert not administration.is_invitation(made.code)
    administration.set_mode(ann, "invitation")
    administration.set_mode(ann, "invitation")
    for code in ("", "wrong", "\ud800"):
        with pytest.raises(Forbidden, match="invitation"):
            accounts.register(CLIENT, "cleo", PASSWORD, code)
    for nickname in ("cleo", "dora"):
        accounts.register(CLIENT, nickname, PASSWORD, made.code)
    (listed,) = administration.list_invitations(ann)
    assert (listed.id, listed.created_by, listed.uses) == (made.id, "Ann", 2)
    administration.revoke_invitation(ann, made.id)
    with pytest.raises(Forbidden, match="no longer valid"):
        accounts.register(CLIENT, "eve", PASSWORD, made.code)
    assert [entry[1::2] for entry in log()] == [
        ("registration.changed", "closed"),
        ("invitation.created", f"{made.id}"),
        ("registration.changed", "invitation"),
        ("invitation.revoked", f"{made.id}"),
    ]


def test_invitation_expires(
    core: Core, administration: Administration, accounts: Accounts, ann: UserRow
) -> None:
    administration.set_mode(ann, "invitation")
    made = administration.invite(ann, 1)
    with core.database.writing() as connection:
        connection.execute(invitations.update().values(expires_at=1.0))
    with pytest.raises(Forbidden):
        accounts.register(CLIENT, "eve", PASSWORD, made.code)
    assert administration.list_invitations(ann) == []
    with core.database.writing() as connection:
        registration.delete_expired_invitations(connection)
        assert connection.scalar(select(invitations.c.id)) is None


def test_only_administrators(administration: Administration, ann: UserRow, bob: UserRow) -> None:
    for do in (
        lambda: administration.set_mode(bob, "closed"),
        lambda: administration.invite(bob),
        lambda: administration.list_invitations(bob),
        lambda: administration.revoke_invitation(bob, 1),
        lambda: administration.lift_suspension(bob, bob.id),
        lambda: administration.list_log(bob, before=9, limit=9),
    ):
        with pytest.raises(Forbidden, match="only administrators"):
            do()
    with pytest.raises(NotFound):
        administration.revoke_invitation(ann, 404)
    for days in (0, 400):
        with pytest.raises(Invalid):
            administration.invite(ann, days)


@both
def test_administrator_deletes_a_message(
    core: Core,
    messages: Messages,
    rooms: Rooms,
    ann: UserRow,
    bob: UserRow,
    log: Callable[[], list[tuple[str, str, str, str]]],
) -> None:
    cleo_room = rooms.create(bob, "den", private=True)
    public = messages.post(bob, LOBBY_ID, "rude").message
    private = messages.post(bob, cleo_room.id, "ours").message
    messages.remove(ann, public.id)
    # For good: its author cannot undo it.
    with pytest.raises(NotFound):
        messages.restore(bob, public.id)
    # What an administrator may not see is not there.
    with pytest.raises(NotFound):
        messages.remove(ann, private.id)
    rooms.admit(bob, cleo_room.id, ann.id)
    messages.remove(ann, private.id)
    own = messages.post(ann, LOBBY_ID, "mine").message
    messages.remove(ann, own.id)
    with pytest.raises(Forbidden):
        messages.remove(bob, messages.post(ann, LOBBY_ID, "hers").message.id)
    assert log() == [("Ann", "message.deleted", "Bob", "")] * 2
    # No id tells of the private room.
    with core.database.reading() as connection:
        entries = audit.list_entries(connection, before=10_000, limit=100)
    assert [(each.room_id, each.message_id) for each in entries] == [
        (None, None),
        (LOBBY_ID, public.id),
    ]


def test_administrator_changes_anothers_room(
    rooms: Rooms,
    ann: UserRow,
    bob: UserRow,
    log: Callable[[], list[tuple[str, str, str, str]]],
) -> None:
    tea, den = (rooms.create(bob, name, private=name == "den") for name in ("tea", "den"))
    rooms.change(ann, tea.id, RoomChanges(topic="drinks", archived=True))
    with pytest.raises(NotFound):
        rooms.change(ann, den.id, RoomChanges(topic="drinks"))
    rooms.admit(bob, den.id, ann.id)
    rooms.change(ann, den.id, RoomChanges(topic="drinks"))
    rooms.change(bob, den.id, RoomChanges(name="lair"))
    rooms.remove_member(ann, den.id, bob.id)
    # Nothing of what private rooms are called, or about.
    assert log() == [
        ("Ann", "room.changed", "", "topic: drinks, archived"),
        ("Ann", "room.changed", "", ""),
        ("Ann", "room.changed", "Bob", ""),
    ]


def test_last_administrator_does_not_delete_the_account(
    core: Core, administration: Administration, accounts: Accounts
) -> None:
    ann = accounts.register(CLIENT, "ann", PASSWORD)
    bob = accounts.register(CLIENT, "bob", PASSWORD)
    with pytest.raises(Forbidden, match="last administrator"):
        accounts.delete(ann.credentials)
    with core.database.reading() as connection:
        row = users.find_user(connection, ann.user.id)
    assert row
    administration.appoint(row, bob.user.id)
    accounts.delete(ann.credentials)
    # Nobody else is left, so the next one to come administers.
    accounts.delete(bob.credentials)
    assert accounts.register(CLIENT, "cleo", PASSWORD).user.administrator


@both
def test_administrator_whose_account_is_deleted_is_none(
    core: Core, administration: Administration, accounts: Accounts, ann: UserRow, bob: UserRow
) -> None:
    """Otherwise the last one could step down, and nobody would administer the chat."""
    administration.appoint(ann, bob.id)
    accounts.delete(Credentials(ann.id, "hash"))
    assert not look(core, ann).is_admin
    with pytest.raises(Conflict, match="last administrator"):
        administration.dismiss(bob, bob.id)


@both
def test_deleted_account_is_nobody_to_administer(
    core: Core, administration: Administration, accounts: Accounts, ann: UserRow, bob: UserRow
) -> None:
    """Otherwise it could be the one administrator who stays."""
    accounts.delete(Credentials(bob.id, "hash"))
    for do in (administration.appoint, administration.suspend):
        with pytest.raises(NotFound):
            do(ann, bob.id)
    assert not look(core, bob).is_admin

"""What a process remembers, and what makes it forget."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from middleware.cache import SharedGroupClock
from ngw2f.actions import known as module
from ngw2f.actions.accounts import Accounts, Changes
from ngw2f.actions.administration import Administration
from ngw2f.actions.known import Known
from ngw2f.actions.messages import Messages
from ngw2f.actions.rooms import RoomChanges, Rooms
from ngw2f.actions.sessions import Sessions
from ngw2f.actions.sign_in import Client
from ngw2f.broker.limits import Limits
from ngw2f.core import Core, build_core
from ngw2f.errors import Conflict, NotFound, Unauthenticated
from ngw2f.jobs.wakeup import RENDER, WakeUp
from ngw2f.live.attendance import Attendance
from ngw2f.live.cache_groups import open_group_clock
from ngw2f.live.presence import Presence
from ngw2f.live.typing import TypingNotices
from ngw2f.settings import Settings
from ngw2f.store import tokens
from ngw2f.store.users import Credentials, UserRow

both = pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def clock(settings: Settings) -> Iterator[SharedGroupClock]:
    clock = open_group_clock(settings.data_path)
    yield clock
    clock.close()


@pytest.fixture
def ask(clock: SharedGroupClock) -> Callable[..., tuple[int | None, int]]:
    """Give a function that asks for a number, and returns it and how often it was looked up."""
    known = Known[int](clock)
    lookups = []

    def look_up(number: int | None) -> int | None:
        lookups.append(number)
        return number

    def find(number: int | None) -> tuple[int | None, int]:
        found = known.find("key", lambda: look_up(number), lambda found: [f"group-{found}"])
        return found, len(lookups)

    return find


def test_answer_is_kept(ask: Callable[..., tuple[int | None, int]]) -> None:
    assert ask(1) == (1, 1)
    assert ask(2) == (1, 1)


def test_nothing_is_not_kept(ask: Callable[..., tuple[int | None, int]]) -> None:
    assert ask(None) == (None, 1)
    assert ask(2) == (2, 2)


def test_other_process_drops_the_group(
    ask: Callable[..., tuple[int | None, int]], settings: Settings
) -> None:
    ask(1)
    other = open_group_clock(settings.data_path)
    other.drop(["group-2"])
    assert ask(2) == (1, 1)
    other.drop(["group-1"])
    other.close()
    assert ask(2) == (2, 2)


def test_answer_from_before_a_drop_is_not_kept(clock: SharedGroupClock) -> None:
    known = Known[int](clock)

    def look_up_while_it_changes() -> int:
        clock.drop(["group"])
        return 1

    known.find("key", look_up_while_it_changes, lambda _found: ["group"])
    assert known.find("key", lambda: 2, lambda _found: ["group"]) == 2


def test_answer_is_too_old(
    ask: Callable[..., tuple[int | None, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SECONDS", 0.0)
    ask(1)
    assert ask(2) == (2, 2)


def test_number_of_answers_is_bounded(
    clock: SharedGroupClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_ANSWERS", 2)
    known = Known[int](clock)
    for key in range(5):
        known.find(key, lambda: 1, lambda _found: ["group"])
    assert len(known._answers) <= 2


def test_answer_without_groups_is_not_kept(clock: SharedGroupClock) -> None:
    known = Known[int](clock)
    assert [known.find("key", iter([n]).__next__, lambda _found: []) for n in (1, 2)] == [1, 2]


class Process:
    """Another web process of the same chat."""

    def __init__(self, settings: Settings) -> None:
        self.core = core = build_core(settings)
        limits = Limits(core.broker)
        attendance = Attendance(Presence(core.broker), core.database, core.events)
        self.sessions = Sessions(core, limits, attendance)
        self.messages = Messages(core, limits, WakeUp(core.broker, RENDER))
        self.rooms = Rooms(core, limits, TypingNotices(core.broker, core.events))


@pytest.fixture
def other(settings: Settings) -> Iterator[Process]:
    process = Process(settings)
    yield process
    process.core.close()


@pytest.fixture
def elsewhere(settings: Settings, tmp_path: Path) -> Iterator[Process]:
    """Give a process of another host, which hears of changes by the stream alone."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    process = Process(msgspec.structs.replace(settings, data_dir=str(elsewhere)))
    yield process
    process.core.close()


@pytest.fixture
def account(accounts: Accounts) -> Credentials:
    return accounts.register(Client("192.0.2.1"), "ann", "open sesame").credentials


@both
def test_revoked_token_stops_at_once_in_every_process(
    sessions: Sessions, other: Process, account: Credentials
) -> None:
    token = sessions.create_token(account)
    assert other.sessions.find_user(token)
    sessions.end(token)
    assert other.sessions.find_user(token) is None
    assert sessions.find_user(token) is None


@both
def test_new_password_stops_all_other_tokens(
    sessions: Sessions, accounts: Accounts, other: Process, account: Credentials
) -> None:
    token = sessions.create_token(account)
    user = other.sessions.find_user(token)
    assert user
    changes = Changes(password="sesame, open", current_password="open sesame")
    accounts.change(user, user.id, Client("192.0.2.1"), changes)
    assert other.sessions.find_user(token) is None


@both
def test_new_nickname_is_known_at_once(
    sessions: Sessions, accounts: Accounts, other: Process, account: Credentials
) -> None:
    token = sessions.create_token(account)
    user = other.sessions.find_user(token)
    assert user
    accounts.change(user, user.id, Client("192.0.2.1", token), Changes(nickname="cleo"))
    renamed = other.sessions.find_user(token)
    assert renamed
    assert renamed.nickname == "cleo"


def test_expired_token_is_not_good_for_longer(
    core: Core, sessions: Sessions, account: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = sessions.create_token(account)
    user = sessions.find_user(token)
    assert user
    monkeypatch.setattr("ngw2f.actions.sessions.time.time", lambda: user.token_expires_at)
    assert sessions.find_user(token) is None


@both
def test_removed_member_posts_no_more_in_any_process(
    rooms: Rooms, messages: Messages, other: Process, ann: UserRow, bob: UserRow
) -> None:
    den = rooms.create(ann, "den", private=True)
    rooms.admit(ann, den.id, bob.id)
    for process in (messages, other.messages):
        process.post(bob, den.id, "hello")
    rooms.remove_member(ann, den.id, bob.id)
    for process in (messages, other.messages):
        with pytest.raises(NotFound):
            process.post(bob, den.id, "still here?")


@both
def test_suspended_account_stops_at_once_in_every_process(
    core: Core,
    limits: Limits,
    sessions: Sessions,
    accounts: Accounts,
    other: Process,
    ann: UserRow,
) -> None:
    administration = Administration(core, limits)
    eve = accounts.register(Client("192.0.2.1"), "eve", "open sesame").credentials
    token = sessions.create_token(eve)
    for process in (sessions, other.sessions):
        assert process.find_user(token)
    administration.suspend(ann, eve.user_id)
    for process in (sessions, other.sessions):
        assert process.find_user(token) is None
    # A token of a process that does not know of suspensions opens nothing, until they end.
    with core.database.writing() as connection:
        token = tokens.create_token(connection, eve.user_id, 1)
    assert other.sessions.find_user(token) is None
    administration.lift_suspension(ann, eve.user_id)
    assert other.sessions.find_user(token)


@both
def test_administrator_is_known_at_once_in_every_process(
    core: Core,
    limits: Limits,
    sessions: Sessions,
    accounts: Accounts,
    other: Process,
    ann: UserRow,
) -> None:
    administration = Administration(core, limits)
    eve = accounts.register(Client("192.0.2.1"), "eve", "open sesame").credentials
    token = sessions.create_token(eve)
    for change, is_admin in (
        (administration.appoint, True),
        (administration.dismiss, False),
    ):
        known = other.sessions.find_user(token)
        assert known
        assert known.is_admin is not is_admin
        change(ann, eve.user_id)
        changed = other.sessions.find_user(token)
        assert changed
        assert changed.is_admin is is_admin


@both
def test_nobody_posts_in_an_archived_room_in_any_process(
    rooms: Rooms, messages: Messages, other: Process, ann: UserRow
) -> None:
    tea = rooms.create(ann, "tea", private=False)
    processes = (messages, other.messages)
    for process in processes:
        process.post(ann, tea.id, "hello")
    rooms.change(ann, tea.id, RoomChanges(archived=True))
    for process in processes:
        with pytest.raises(Conflict):
            process.post(ann, tea.id, "still here?")


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_other_host_keeps_nothing_that_may_change(
    rooms: Rooms,
    sessions: Sessions,
    accounts: Accounts,
    elsewhere: Process,
    ann: UserRow,
    bob: UserRow,
) -> None:
    den = rooms.create(ann, "den", private=True)
    rooms.admit(ann, den.id, bob.id)
    elsewhere.messages.post(bob, den.id, "hello")
    tea = rooms.create(ann, "tea", private=False)
    elsewhere.messages.post(bob, tea.id, "hello")
    token = sessions.create_token(
        accounts.register(Client("192.0.2.1"), "cleo", "open sesame").credentials
    )
    assert elsewhere.sessions.find_user(token)
    rooms.remove_member(ann, den.id, bob.id)
    sessions.end(token)
    rooms.change(ann, tea.id, RoomChanges(archived=True))
    with pytest.raises(NotFound):
        elsewhere.messages.post(bob, den.id, "still here?")
    with pytest.raises(Conflict):
        elsewhere.messages.post(bob, tea.id, "still here?")
    assert elsewhere.sessions.find_user(token) is None


@both
@pytest.mark.parametrize("change", ["removed", "suspended"])
def test_nothing_is_stored_of_whom_a_process_still_knows(
    core: Core,
    limits: Limits,
    rooms: Rooms,
    messages: Messages,
    ann: UserRow,
    bob: UserRow,
    change: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is checked first, and the change comes before the post has its turn."""
    den = rooms.create(ann, "den", private=True)
    rooms.admit(ann, den.id, bob.id)
    check = messages._check_room

    def change_after_the_check(user: UserRow, room_id: int) -> None:
        check(user, room_id)
        if change == "removed":
            rooms.remove_member(ann, den.id, bob.id)
        else:
            Administration(core, limits).suspend(ann, bob.id)

    monkeypatch.setattr(messages, "_check_room", change_after_the_check)
    with pytest.raises((NotFound, Unauthenticated)):
        messages.post(bob, den.id, "still here?")

"""Tokens and sessions without HTTP."""

import threading
import time
from contextlib import AbstractContextManager

import msgspec
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from ngw2f.actions.accounts import Accounts
from ngw2f.actions.sessions import Sessions
from ngw2f.actions.sign_in import Client
from ngw2f.broker.limits import Limits, Rule
from ngw2f.core import Core
from ngw2f.errors import NotFound, TooMany, Unauthenticated
from ngw2f.store import devices, events, tokens, users
from ngw2f.store.tokens import SECONDS_A_DAY, digest_of
from ngw2f.store.users import Credentials, UserRow
from ngw2f.together import LeaderKilledError
from tests.waiting import HANGING_SECONDS, wait_until

PASSWORD = "open sesame"


@pytest.fixture
def ann(accounts: Accounts) -> Credentials:
    return accounts.register(Client("192.0.2.1"), "ann", PASSWORD).credentials


def test_token_is_its_users(sessions: Sessions, ann: Credentials) -> None:
    user = sessions.find_user(sessions.create_token(ann))
    assert user is not None
    assert user.id == ann.user_id


@pytest.mark.parametrize("token", [None, "", "x"])
def test_token_that_is_none(sessions: Sessions, token: str | None) -> None:
    assert sessions.find_user(token) is None


def test_token_of_a_changed_password(core: Core, sessions: Sessions, ann: Credentials) -> None:
    with core.database.writing() as connection:
        assert users.replace_password_hash(connection, ann, "another")
    with pytest.raises(Unauthenticated, match="the password has just been changed"):
        sessions.create_token(ann)
    assert count(core, "tokens") == 0


def test_one_token_too_many_revokes_the_oldest(
    core: Core, sessions: Sessions, ann: Credentials
) -> None:
    """Sessions are counted apart; the streams of the revoked token are ended by an event."""
    most = core.settings.tokens_per_account
    session = sessions.begin(ann, remember=False).token
    made = [sessions.create_token(ann) for _ in range(most)]
    assert revocations(core) == 0
    sessions.create_token(ann)
    assert sessions.find_user(made[0]) is None
    assert sessions.find_user(made[1])
    assert sessions.find_user(session)
    assert revocations(core) == 1


def test_tokens_are_limited(core: Core, sessions: Sessions, ann: Credentials) -> None:
    sessions.limits = Limits(core.broker, [Rule("token", "1/day", "tokens")])
    sessions.create_token(ann)
    with pytest.raises(TooMany):
        sessions.begin(ann, remember=True)


@pytest.mark.parametrize("remember", [False, True])
def test_session(core: Core, sessions: Sessions, ann: Credentials, remember: bool) -> None:
    settings = core.settings
    days = settings.remember_days if remember else settings.session_days
    before = time.time()
    session = sessions.begin(ann, remember=remember)
    user = sessions.find_user(session.token)
    assert user is not None
    good_for = days * SECONDS_A_DAY
    assert before + good_for <= user.token_expires_at <= time.time() + good_for
    assert session.max_age_seconds == (good_for if remember else None)


def test_ended_session(core: Core, sessions: Sessions, ann: Credentials) -> None:
    ending, staying = (sessions.begin(ann, remember=False).token for _ in range(2))
    sessions.end(ending)
    assert sessions.find_user(ending) is None
    assert sessions.find_user(staying)
    assert revocations(core) == 1


def test_revoking_one_of_several(core: Core, sessions: Sessions, ann: Credentials) -> None:
    """Its streams end by an event, in every process."""
    user = sessions.find_user(sessions.begin(ann, remember=False).token)
    assert user is not None
    other = sessions.create_token(ann, name="bot")
    (listed,) = (each for each in sessions.list_all(user) if not each.current)
    sessions.revoke(user, listed.id)
    assert sessions.find_user(other) is None
    assert revocations(core) == 1
    with pytest.raises(NotFound):
        sessions.revoke(user, listed.id)
    sessions.end_others(user)
    assert revocations(core) == 1
    sessions.begin(ann, remember=False)
    sessions.end_others(user)
    assert revocations(core) == 2
    assert [each.current for each in sessions.list_all(user)] == [True]


def test_ending_what_is_no_session_changes_nothing(core: Core, sessions: Sessions) -> None:
    sessions.end("x")
    assert revocations(core) == 0


def test_anonymous_reader(core: Core, sessions: Sessions) -> None:
    assert sessions.find_reader(None, must_be_valid=False) is None
    assert sessions.find_reader("x", must_be_valid=False) is None
    with pytest.raises(Unauthenticated, match="unknown, revoked or expired"):
        sessions.find_reader("x", must_be_valid=True)


def test_reading_needs_an_account(core: Core, sessions: Sessions, ann: Credentials) -> None:
    closed = msgspec.structs.replace(core.settings, anonymous_read=False)
    object.__setattr__(core, "settings", closed)
    with pytest.raises(Unauthenticated, match="sign in to read"):
        sessions.find_reader(None, must_be_valid=False)
    assert sessions.find_reader(sessions.create_token(ann), must_be_valid=False)


@pytest.mark.parametrize(("seconds_ago", "is_written"), [(61, True), (30, False)])
def test_reader_is_present(
    core: Core, sessions: Sessions, ann: Credentials, seconds_ago: int, is_written: bool
) -> None:
    """The database is told once a minute."""
    token, before = sessions.create_token(ann), time.time() - seconds_ago
    with core.database.writing() as connection:
        users.set_last_seen(connection, ann.user_id, before)
    assert sessions.find_reader(token, must_be_valid=True)
    assert (last_seen(core, ann.user_id) > before) == is_written


@pytest.mark.parametrize(("seconds_ago", "is_written"), [(None, True), (301, True), (200, False)])
def test_use_is_written_once_in_some_minutes(
    core: Core,
    sessions: Sessions,
    ann: Credentials,
    seconds_ago: float | None,
    is_written: bool,
) -> None:
    """Not by each ping of a connection either, whose user is known as of its beginning."""
    token = sessions.create_token(ann)
    used_at = None if seconds_ago is None else time.time() - seconds_ago
    with core.database.writing() as connection:
        connection.execute(text("UPDATE tokens SET used_at = :at"), {"at": used_at})
    user = sessions.find_reader(token, must_be_valid=True)
    assert user is not None
    (listed,) = sessions.list_all(user)
    assert (listed.last_used_at != used_at) == is_written
    sessions.be_present(user)
    assert sessions.list_all(user) == [listed]


def test_browser_is_remembered_once(core: Core, sessions: Sessions, ann: Credentials) -> None:
    device = sessions.remember_browser(ann.user_id, None)
    assert device is not None
    assert sessions.remember_browser(ann.user_id, device) is None
    with core.database.reading() as connection:
        assert devices.is_device_of(connection, device, ann.user_id)
    assert sessions.remember_browser(ann.user_id, "x")
    assert count(core, "devices") == 2


def last_seen(core: Core, user_id: int) -> float:
    with core.database.reading() as connection:
        user = users.find_user(connection, user_id)
    assert user is not None
    return user.last_seen_at


def revocations(core: Core) -> int:
    with core.database.reading() as connection:
        run = events.list_events(connection, 0, 100)
    return [event.name for event in run.events].count("tokens.revoked")


def count(core: Core, table: str) -> int:
    with core.database.reading() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def find_at_once(
    core: Core, sessions: Sessions, digests: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> list[object]:
    """Return what is found, or raised, for tokens of requests that come at the same time."""
    found: dict[bytes, object] = {}
    are_there = threading.Event()
    lend = core.database.asking

    def lend_late() -> AbstractContextManager[Connection]:
        assert are_there.wait(HANGING_SECONDS)
        return lend()

    def find(digest: bytes) -> None:
        try:
            found[digest] = sessions.find_user_of(digest)
        except Exception as error:
            found[digest] = error

    with monkeypatch.context() as patch:
        patch.setattr(core.database, "asking", lend_late)
        threads = [threading.Thread(target=find, args=[each], daemon=True) for each in digests]
        for thread in threads:
            thread.start()
        assert wait_until(lambda: len(sessions._bearers._waiting) == len(digests))
        are_there.set()
        for thread in threads:
            thread.join(HANGING_SECONDS)
    return [found[digest] for digest in digests]


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=True)
def test_tokens_of_simultaneous_requests_are_looked_up_together(
    core: Core, sessions: Sessions, ann: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [digest_of(sessions.create_token(ann)) for _ in range(2)]
    together: list[set[bytes]] = []
    look_up = tokens.find_users_of_digests

    def note(connection: Connection, digests: set[bytes]) -> dict[bytes, UserRow]:
        together.append(digests)
        return look_up(connection, digests)

    monkeypatch.setattr(tokens, "find_users_of_digests", note)
    found = find_at_once(core, sessions, [*made, b"none"], monkeypatch)
    assert together == [{*made, b"none"}]
    bearers = [each for each in found if isinstance(each, UserRow)]
    assert [(each.id, each.is_admin, each.token_digest) for each in bearers] == [
        (ann.user_id, True, digest) for digest in made
    ]
    assert found[2] is None


def test_all_learn_that_tokens_cannot_be_looked_up(
    core: Core, sessions: Sessions, ann: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = OperationalError("SELECT", None, Exception("no database"))

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(tokens, "find_users_of_digests", fail)
    assert find_at_once(core, sessions, [b"one", b"other"], monkeypatch) == [error, error]
    monkeypatch.setattr(core.database, "asking", fail)
    with pytest.raises(OperationalError):
        sessions.find_user("x")


def test_token_is_looked_up_again_if_whoever_did_it_for_others_is_killed(
    sessions: Sessions, ann: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = sessions.create_token(ann)
    look_up = sessions._bearers.ask
    answers = [LeaderKilledError()]

    def ask(digest: bytes) -> UserRow | None:
        if answers:
            raise answers.pop()
        return look_up(digest)

    monkeypatch.setattr(sessions._bearers, "ask", ask)
    user = sessions.find_user(token)
    assert user is not None
    assert user.id == ann.user_id

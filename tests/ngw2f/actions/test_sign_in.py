"""Passwords checked without HTTP: who is let in, and how wrong ones are counted."""

import pytest

from ngw2f.actions.accounts import Accounts
from ngw2f.actions.sessions import Sessions
from ngw2f.actions.sign_in import Client, SignIn, signed_in
from ngw2f.broker.limits import Limits, Rule
from ngw2f.broker.tries import WrongTries
from ngw2f.core import Core
from ngw2f.errors import Invalid, TooMany, Unavailable
from ngw2f.store import users
from ngw2f.store.users import Credentials, UserRow

PASSWORD = "open sesame"
OWNER, STRANGER, ELSEWHERE = (Client(f"192.0.2.{number}") for number in (1, 2, 3))


@pytest.fixture
def ann(accounts: Accounts) -> UserRow:
    user = accounts.register(OWNER, "ann", PASSWORD).user
    return UserRow(user.id, user.nickname, user.created_at, user.updated_at, user.last_seen_at)


@pytest.fixture
def few_tries(core: Core, sign_in: SignIn) -> WrongTries:
    """Let an address be wrong twice, and all of them together five times."""
    sign_in.wrong_tries = WrongTries(core.broker, "2/minute", "5/hour")
    return sign_in.wrong_tries


@pytest.mark.parametrize("typed", ["ann", "ANN", "ａｎｎ"])
def test_right_password(sign_in: SignIn, ann: UserRow, typed: str) -> None:
    checked = sign_in.check_password(OWNER, typed, PASSWORD)
    assert checked is not None
    assert checked.user_id == ann.id


@pytest.mark.parametrize(("nickname", "password"), [("ann", "wrong"), ("bob", PASSWORD), ("", "")])
@pytest.mark.usefixtures("ann")
def test_wrong_nickname_or_password(sign_in: SignIn, nickname: str, password: str) -> None:
    assert sign_in.check_password(OWNER, nickname, password) is None


@pytest.mark.usefixtures("ann", "few_tries")
def test_wrong_passwords_lock_out_their_address_alone(sign_in: SignIn) -> None:
    for _ in range(2):
        assert sign_in.check_password(STRANGER, "ann", "wrong") is None
    with pytest.raises(TooMany):
        sign_in.check_password(STRANGER, "ann", PASSWORD)
    assert sign_in.check_password(ELSEWHERE, "ann", PASSWORD)


@pytest.mark.usefixtures("few_tries")
def test_known_browser_is_counted_apart(sign_in: SignIn, sessions: Sessions, ann: UserRow) -> None:
    device = sessions.remember_browser(ann.id, None)
    assert device is not None
    known = Client(STRANGER.address, devices={ann.id: device}, is_known_browser=True)
    for _ in range(2):
        sign_in.check_password(STRANGER, "ann", "wrong")
    assert sign_in.check_password(known, "ann", PASSWORD)
    for _ in range(2):
        assert sign_in.check_password(known, "ann", "wrong") is None
    with pytest.raises(TooMany):
        sign_in.check_password(known, "ann", PASSWORD)


@pytest.mark.usefixtures("few_tries")
def test_device_of_another_user_is_a_strangers(
    accounts: Accounts, sign_in: SignIn, sessions: Sessions, ann: UserRow
) -> None:
    bob = accounts.register(ELSEWHERE, "bob", PASSWORD).user
    device = sessions.remember_browser(bob.id, None) or ""
    forged = Client(STRANGER.address, devices={ann.id: device}, is_known_browser=True)
    for _ in range(2):
        sign_in.check_password(STRANGER, "ann", "wrong")
    with pytest.raises(TooMany):
        sign_in.check_password(forged, "ann", PASSWORD)


@pytest.mark.usefixtures("ann")
def test_known_browser_at_another_account_counts_for_its_address(
    core: Core, sign_in: SignIn
) -> None:
    sign_in.limits = Limits(core.broker, [Rule("sign-in", "1/day", "attempts to sign in")])
    known = Client(STRANGER.address, devices={404: "x"}, is_known_browser=True)
    assert sign_in.check_password(known, "ann", PASSWORD)
    with pytest.raises(TooMany) as refused:
        sign_in.check_password(known, "ann", PASSWORD)
    assert refused.value.policy == "sign-in"
    # One that is not known was counted before the chat was asked.
    assert sign_in.check_password(STRANGER, "ann", PASSWORD)


@pytest.mark.usefixtures("few_tries")
def test_signed_in_user_is_counted_apart(sign_in: SignIn, ann: UserRow) -> None:
    for _ in range(2):
        assert sign_in.confirm_password(OWNER, ann, "wrong") is None
    with pytest.raises(TooMany):
        sign_in.confirm_password(OWNER, ann, PASSWORD)
    assert sign_in.check_password(OWNER, "ann", PASSWORD)


@pytest.mark.usefixtures("ann")
def test_limits_that_are_off_count_nothing(sign_in: SignIn) -> None:
    sign_in.wrong_tries = None
    for _ in range(25):
        assert sign_in.check_password(STRANGER, "ann", "wrong") is None


@pytest.mark.usefixtures("ann")
def test_full_queue(sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ngw2f.hash_queue.MAX_WAITING", 0)
    with pytest.raises(Unavailable) as refused:
        sign_in.check_password(OWNER, "ann", PASSWORD)
    assert refused.value.retry_after == 2


@pytest.mark.usefixtures("ann")
def test_password_of_an_older_release(core: Core, sign_in: SignIn) -> None:
    """Its hash, of what was typed, is replaced; unless the password is changed meanwhile."""
    old = sign_in.passwords._hasher.hash("se\u0301same")
    store(core, old)
    checked = sign_in.check_password(OWNER, "ann", "s\u00e9same")
    assert checked is not None
    assert checked.password_hash != old
    assert checked == stored(core)


def test_password_changed_while_it_is_checked(
    core: Core, sign_in: SignIn, ann: UserRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(core, sign_in.passwords._hasher.hash("se\u0301same"))
    check = sign_in.passwords.check

    def check_and_change(*arguments: object) -> object:
        checked = check(*arguments)  # type: ignore[arg-type] # passed on as they are
        store(core, "another")
        return checked

    monkeypatch.setattr(sign_in.passwords, "check", check_and_change)
    assert sign_in.check_password(OWNER, "ann", "s\u00e9same") is None
    assert stored(core) == Credentials(ann.id, "another")


def test_password_that_cannot_be(sign_in: SignIn, ann: UserRow) -> None:
    with pytest.raises(Invalid, match="a password must have 1 to 1024 characters"):
        sign_in.hash_password(ann.nickname, signed_in(OWNER), "")


def stored(core: Core) -> Credentials | None:
    with core.database.reading() as connection:
        return users.find_credentials(connection, "ann")


def store(core: Core, password_hash: str) -> None:
    known = stored(core)
    assert known is not None
    with core.database.writing() as connection:
        assert users.replace_password_hash(connection, known, password_hash)

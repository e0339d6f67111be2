"""Accounts without HTTP: registering, and changing one's own."""

import pytest

from ngw2f.actions.accounts import Accounts, Changes
from ngw2f.actions.sessions import Sessions
from ngw2f.actions.sign_in import Client, SignIn
from ngw2f.broker.limits import Limits, Rule
from ngw2f.core import Core
from ngw2f.errors import Forbidden, Invalid, TooMany, Unauthenticated
from ngw2f.store import devices, events, users
from ngw2f.store.users import Credentials, UserRow

PASSWORD, NEW = "open sesame", "open barley"
HERE = Client("192.0.2.1")
CHANGE_PASSWORD = Changes(password=NEW, current_password=PASSWORD)


@pytest.fixture
def known(accounts: Accounts) -> Credentials:
    return accounts.register(HERE, "ann", PASSWORD).credentials


@pytest.fixture
def ann(core: Core, known: Credentials) -> UserRow:
    return find(core, known.user_id)


def test_register(core: Core, accounts: Accounts, sign_in: SignIn) -> None:
    assert not sign_in.is_registered("ann")
    registered = accounts.register(HERE, "ann", PASSWORD)
    assert registered.user == find(core, registered.user.id).as_resource(online=False)
    assert sign_in.check_password(HERE, "ann", PASSWORD) == registered.credentials
    assert sign_in.is_registered("ANN")
    assert names(core) == ["user.updated"]


@pytest.mark.parametrize(
    ("nickname", "password", "why"),
    [
        ("Ann", PASSWORD, "the nickname is taken$"),
        ("a:b", PASSWORD, "a nickname"),
        ("bob", "", "a password must have"),
    ],
    ids=ascii,
)
@pytest.mark.usefixtures("known")
def test_registration_refused(
    core: Core, accounts: Accounts, nickname: str, password: str, why: str
) -> None:
    with pytest.raises(Invalid, match=why):
        accounts.register(HERE, nickname, password)
    assert names(core) == ["user.updated"]


def test_nickname_that_looks_like_another(accounts: Accounts, ann: UserRow) -> None:
    accounts.register(HERE, "aco", PASSWORD)
    with pytest.raises(Invalid, match="one that looks the same"):
        accounts.register(HERE, "\u0430\u0441\u043e", PASSWORD)
    with pytest.raises(Invalid, match="one that looks the same"):
        accounts.change(ann, ann.id, HERE, Changes(nickname="\u0430\u0441\u043e"))


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ("ann", "ann", "the nickname is taken$"),
        ("aco", "\u0430\u0441\u043e", "one that looks the same"),
    ],
    ids=ascii,
)
def test_nickname_taken_meanwhile(
    accounts: Accounts,
    sign_in: SignIn,
    monkeypatch: pytest.MonkeyPatch,
    first: str,
    second: str,
    why: str,
) -> None:
    hash_password = sign_in.passwords.hash

    def hash_while_another_registers(*arguments: object) -> str:
        monkeypatch.undo()
        accounts.register(HERE, first, PASSWORD)
        return hash_password(*arguments)  # type: ignore[arg-type] # passed on as they are

    monkeypatch.setattr(sign_in.passwords, "hash", hash_while_another_registers)
    with pytest.raises(Invalid, match=why):
        accounts.register(HERE, second, PASSWORD)


def test_registrations_of_an_address_are_limited(core: Core, accounts: Accounts) -> None:
    accounts.limits = Limits(core.broker, [Rule("register", "1/day", "registrations")])
    accounts.register(HERE, "ann", PASSWORD)
    with pytest.raises(TooMany):
        accounts.register(HERE, "bob", PASSWORD)
    accounts.register(Client("192.0.2.2"), "bob", PASSWORD)


def test_one_form_registers_and_signs_in(accounts: Accounts) -> None:
    registered = accounts.sign_in_or_register(HERE, "ann", PASSWORD)
    assert registered is not None
    assert accounts.sign_in_or_register(HERE, "Ann", PASSWORD) == registered
    assert accounts.sign_in_or_register(HERE, "ann", "wrong") is None


def test_change_nickname(core: Core, accounts: Accounts, sign_in: SignIn, ann: UserRow) -> None:
    accounts.change(ann, ann.id, HERE, Changes(nickname="Anna"))
    assert find(core, ann.id).nickname == "Anna"
    assert sign_in.is_registered("anna")
    assert not sign_in.is_registered("ann")
    assert names(core) == ["user.updated"] * 2


@pytest.mark.parametrize("nickname", ["bob", "BOB", "a:b"])
def test_nickname_refused(core: Core, accounts: Accounts, ann: UserRow, nickname: str) -> None:
    accounts.register(HERE, "bob", PASSWORD)
    with pytest.raises(Invalid):
        accounts.change(ann, ann.id, HERE, Changes(nickname=nickname))
    assert find(core, ann.id) == ann


def test_new_password_signs_out_elsewhere(
    core: Core,
    accounts: Accounts,
    sessions: Sessions,
    sign_in: SignIn,
    known: Credentials,
    ann: UserRow,
) -> None:
    here, elsewhere = (sessions.begin(known, remember=False).token for _ in range(2))
    device = sessions.remember_browser(ann.id, None) or ""
    accounts.change(ann, ann.id, Client(HERE.address, token=here), CHANGE_PASSWORD)
    assert sessions.find_user(here)
    assert sessions.find_user(elsewhere) is None
    assert sign_in.check_password(HERE, "ann", PASSWORD) is None
    assert sign_in.check_password(HERE, "ann", NEW)
    assert names(core) == ["user.updated", "tokens.revoked", "user.updated"]
    with core.database.reading() as connection:
        assert not devices.is_device_of(connection, device, ann.id)


@pytest.mark.parametrize(
    ("changes", "error", "why"),
    [
        (Changes("anna", NEW), Forbidden, "send the present one as current_password"),
        (Changes("anna", NEW, "wrong"), Forbidden, "the current password is wrong"),
        (Changes("anna", "", PASSWORD), Invalid, "a password must have"),
    ],
    ids=["missing", "wrong", "invalid"],
)
def test_refused_password_changes_nothing(
    core: Core,
    accounts: Accounts,
    sign_in: SignIn,
    ann: UserRow,
    changes: Changes,
    error: type[Exception],
    why: str,
) -> None:
    with pytest.raises(error, match=why):
        accounts.change(ann, ann.id, HERE, changes)
    assert find(core, ann.id) == ann
    assert sign_in.check_password(HERE, "ann", PASSWORD)
    assert names(core) == ["user.updated"]


def test_second_change_by_one_old_password(
    accounts: Accounts, sign_in: SignIn, ann: UserRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = sign_in.passwords.check

    def check_before_the_other_change(*arguments: object) -> object:
        checked = check(*arguments)  # type: ignore[arg-type] # passed on as they are
        monkeypatch.undo()
        accounts.change(ann, ann.id, HERE, CHANGE_PASSWORD)
        return checked

    monkeypatch.setattr(sign_in.passwords, "check", check_before_the_other_change)
    with pytest.raises(Forbidden, match="it has just been changed"):
        accounts.change(ann, ann.id, HERE, Changes(password="x", current_password=PASSWORD))
    assert sign_in.check_password(HERE, "ann", NEW)


def test_nobody_changes_another(core: Core, accounts: Accounts, ann: UserRow) -> None:
    bob = find(core, accounts.register(HERE, "bob", PASSWORD).user.id)
    with pytest.raises(Forbidden, match="only the account itself may do this"):
        accounts.change(bob, ann.id, HERE, Changes(nickname="x"))
    assert find(core, ann.id) == ann


def test_no_nickname_for_an_account_that_is_deleted_meanwhile(
    accounts: Accounts, ann: UserRow, known: Credentials
) -> None:
    accounts.delete(known)
    with pytest.raises(Unauthenticated):
        accounts.change(ann, ann.id, HERE, Changes(nickname="eve"))
    accounts.register(HERE, "eve", PASSWORD)


def test_changes_are_limited(core: Core, accounts: Accounts, ann: UserRow) -> None:
    accounts.limits = Limits(core.broker, [Rule("account", "1/day", "changes")])
    accounts.change(ann, ann.id, HERE, Changes(nickname="anna"))
    with pytest.raises(TooMany):
        accounts.change(ann, ann.id, HERE, Changes(nickname="ann"))


def find(core: Core, user_id: int) -> UserRow:
    with core.database.reading() as connection:
        user = users.find_user(connection, user_id)
    assert user is not None
    return user


def names(core: Core) -> list[str]:
    with core.database.reading() as connection:
        return [event.name for event in events.list_events(connection, 0, 100).events]

"""Who is let in, and who is not, after wrong tries."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from ngw2f.broker.limits import RULES, Limits
from ngw2f.broker.tries import WrongTries
from ngw2f.passwords import Checked
from ngw2f.server.service import Service
from ngw2f.store import devices, users
from tests.client import BROWSER, PASSWORD, Client

BAD_MARKS = ["device-1=", "device-1=x", "device-1=\xff", 'device-1="', r'device-1="\355\240\200"']
STRANGER, OWNER, ELSEWHERE = "198.51.100.1", "203.0.113.1", "192.0.2.1"


@pytest.fixture
def chat(build: Callable[..., Service]) -> Service:
    """Give a chat that lets an address be wrong twice, and all of them five times."""
    service = build()
    broker = service.services.core.broker
    service.services.actions.sign_in.wrong_tries = WrongTries(broker, "2/minute", "5/hour")
    return service


@pytest.fixture
def at(chat: Service) -> Callable[[str], Client]:
    """Give a function that returns a browser at an address."""

    return partial(browser_at, chat)


@pytest.fixture
def crowded(build: Callable[..., Service], monkeypatch: pytest.MonkeyPatch) -> Service:
    """Give a chat that lets an address try to sign in four times."""
    monkeypatch.setattr("app.SIGN_INS", "4/day")
    service = build()
    rules = [rule._replace(limit="4/day") if rule.name == "sign-in" else rule for rule in RULES]
    service.services.actions.sign_in.limits = Limits(service.services.core.broker, rules)
    return service


def browser_at(chat: Service, address: str) -> Client:
    client = Client(chat)
    client.extra_environ["REMOTE_ADDR"] = address
    return client


def guess(client: Client, times: int = 2) -> list[int]:
    return [client.sign_in("ann", "wrong").status_int for _ in range(times)]


def test_strangers_wrong_tries_lock_the_stranger_out_alone(at: Callable[[str], Client]) -> None:
    at(OWNER).register("ann")
    stranger = at(STRANGER)
    assert guess(stranger, 3) == [401, 401, 429]
    refused = stranger.ask_token("ann", PASSWORD)
    assert refused.status_int == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert at(OWNER).sign_in("ann").status_int == 303
    assert at(OWNER).token("ann")


def test_addresses_of_one_ipv6_network_are_one(at: Callable[[str], Client]) -> None:
    at(OWNER).register("ann")
    assert guess(at("2001:db8::1"), 2) == [401, 401]
    assert guess(at("2001:db8::2"), 1) == [429]
    assert guess(at("2001:db8:0:1::1"), 1) == [401]


def test_browser_that_has_signed_in_before_is_let_through(at: Callable[[str], Client]) -> None:
    """Though strangers use up what all addresses have together, and its own address's."""
    known = at(OWNER)
    known.sign_in("ann")
    assert known.post("/logout", headers=BROWSER).status_int == 303
    for number in range(3):
        guess(at(f"198.51.100.{number}"))
    guess(at(OWNER))
    assert at(ELSEWHERE).sign_in("ann").status_int == 429
    assert known.sign_in("ann").status_int == 303
    # It cannot guess for ever either.
    assert guess(known, 3) == [401, 401, 429]


def test_browser_is_not_shut_out_by_strangers_behind_its_address(crowded: Service) -> None:
    known, stranger = browser_at(crowded, OWNER), browser_at(crowded, OWNER)
    known.sign_in("ann")
    browser_at(crowded, ELSEWHERE).register("bob")
    assert [stranger.sign_in("", "").status_int for _ in range(4)] == [400, 400, 400, 429]
    assert known.sign_in("ann").status_int == 303
    # At another's account it is one of the strangers.
    assert known.sign_in("bob").status_int == 429
    assert guess(known, 1) == [401]


def test_browser_at_anothers_account_is_counted_as_strangers_are(crowded: Service) -> None:
    known, stranger = browser_at(crowded, OWNER), browser_at(crowded, OWNER)
    known.sign_in("ann")
    browser_at(crowded, ELSEWHERE).register("bob")
    assert [known.sign_in("bob", "wrong").status_int for _ in range(4)] == [401, 401, 401, 429]
    assert stranger.sign_in("ann").status_int == 429


def test_marks_that_are_none_leave_the_browser_a_stranger(crowded: Service) -> None:
    stranger = browser_at(crowded, OWNER)
    headers = {**BROWSER, "Cookie": "; ".join(f"device-{number}=x" for number in range(99))}
    answers = [stranger.post("/login", {}, headers=headers).status_int for _ in range(5)]
    assert answers == [400, 400, 400, 400, 429]


def test_only_so_many_marks_are_looked_up(
    crowded: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(devices, "is_any_device", lambda _connection, tokens: asked.append(tokens))
    headers = {**BROWSER, "Cookie": "; ".join(f"device-{number}=x" for number in range(99))}
    browser_at(crowded, OWNER).post("/login", {}, headers=headers)
    assert [len(tokens) for tokens in asked] == [8]


def test_bearer_is_never_locked_out(at: Callable[[str], Client]) -> None:
    owner = at(OWNER)
    ann = owner.join("ann")
    for number in range(4):
        guess(at(f"198.51.100.{number}"))
    assert guess(owner, 1) == [429]
    assert owner.say(ann, "here I am")


def test_right_passwords_use_nothing_up(at: Callable[[str], Client]) -> None:
    owner = at(OWNER)
    owner.register("ann")
    for _ in range(4):
        assert owner.token("ann")
        assert at(OWNER).sign_in("ann").status_int == 303
    assert guess(owner, 2) == [401, 401]


def test_device_of_one_is_not_anothers(at: Callable[[str], Client]) -> None:
    browser = at(OWNER)
    browser.sign_in("bob")
    at(ELSEWHERE).register("ann")
    assert guess(browser, 3) == [401, 401, 429]
    assert browser.sign_in("bob").status_int == 303


def test_browser_of_two_people_is_known_to_both(at: Callable[[str], Client]) -> None:
    browser = at(OWNER)
    for nickname in ("ann", "bob"):
        browser.sign_in(nickname)
    for number in range(3):
        guess(at(f"198.51.100.{number}"))
    assert browser.sign_in("ann").status_int == 303


def test_devices_cookie(chat: Service) -> None:
    client = Client(chat)
    client.extra_environ["wsgi.url_scheme"] = "https"
    cookies = client.sign_in("ann").headers.getall("Set-Cookie")
    (device,) = [cookie.split("; ") for cookie in cookies if cookie.startswith("device-1=")]
    assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/login"} <= set(device)
    assert f"Max-Age={400 * 86_400}" in device
    # It opens nothing.
    headers = {**BROWSER, "Cookie": device[0].replace("device-1", "session")}
    assert Client(chat).post("/rooms/lobby", {"source": "x"}, headers=headers).status_int == 401
    # One browser is remembered once.
    again = client.sign_in("ann").headers.getall("Set-Cookie")
    assert [cookie for cookie in again if cookie.startswith("device-")] == []
    with chat.services.core.database.reading() as connection:
        rows = connection.execute(text("SELECT * FROM devices")).all()
    assert len(rows) == 1
    assert device[0].partition("=")[2] not in repr(rows)


@pytest.mark.parametrize("cookie", BAD_MARKS)
def test_cookie_that_is_no_device(at: Callable[[str], Client], cookie: str) -> None:
    at(OWNER).register("ann")
    stranger = at(STRANGER)
    headers = {**BROWSER, "Cookie": cookie}
    form = {"nickname": "ann", "password": "wrong"}
    answers = [stranger.post("/login", form, headers=headers).status_int for _ in range(3)]
    assert answers == [401, 401, 429]


def test_unknown_nickname_is_registered_and_costs_no_try(at: Callable[[str], Client]) -> None:
    browser = at(OWNER)
    for number in range(4):
        assert browser.sign_in(f"guest {number}").status_int == 303
    assert guess(at(OWNER), 1) == [303]


def test_session_is_not_made_of_a_password_that_was_just_changed(
    chat: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change ends all sessions, this one too, which is begun at that moment."""
    client = Client(chat)
    client.register("ann")
    check = chat.services.actions.sign_in.passwords.check

    def check_before_it_is_changed(*arguments: Any) -> Checked:
        checked = check(*arguments)
        with chat.services.core.database.writing() as connection:
            known = users.find_credentials(connection, "ann")
            assert known is not None
            assert users.replace_password_hash(connection, known, "another")
        return checked

    monkeypatch.setattr(
        chat.services.actions.sign_in.passwords, "check", check_before_it_is_changed
    )
    assert client.ask_token("ann", PASSWORD).status_int == 401
    assert client.sign_in("ann").status_int == 401
    with chat.services.core.database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM tokens")).scalar_one() == 0

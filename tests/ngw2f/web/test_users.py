import threading
import time
from typing import Any

import gevent
import pytest
from argon2 import PasswordHasher

from ngw2f.broker.tries import WrongTries
from ngw2f.hash_queue import MAX_OF_BOTH, Asker
from ngw2f.passwords import Checked
from ngw2f.server.service import Service
from tests.client import PASSWORD, Client


def test_register(client: Client) -> None:
    before = time.time()
    answer = client.post_json("/api/users", {"nickname": "ann", "password": PASSWORD}, status=201)
    user = answer.json
    assert answer.headers["Location"] == f"/api/users/{user['id']}"
    assert client.get(answer.headers["Location"], status=200).json == user
    assert user["_links"] == {
        "self": f"/api/users/{user['id']}",
        "messages": f"/api/messages?user_id={user['id']}",
        "tokens": "/api/tokens",
    }
    assert before <= user["created_at"] <= time.time()
    assert set(user) == {
        *("id", "nickname", "created_at", "updated_at", "last_seen_at", "online", "_links"),
        *("administrator", "suspended"),
    }


WRONG_BODIES: list[Any] = [
    {},
    {"nickname": "ann"},
    {"password": PASSWORD},
    {"nickname": "ann", "password": ""},
    {"nickname": "ann", "password": "x" * 1025},
    {"nickname": "ann", "password": 1},
    {"nickname": "ann", "password": "a\u0000"},
    {"nickname": "ann", "password": "a\u3164"},
    {"nickname": 1, "password": PASSWORD},
    {"nickname": None, "password": PASSWORD},
    {"nickname": "", "password": PASSWORD},
    {"nickname": "x" * 33, "password": PASSWORD},
    {"nickname": "a" + "\u0300\u0316" * 5_000, "password": PASSWORD},
    {"nickname": "an\u0000n", "password": PASSWORD},
    {"nickname": "an\nn", "password": PASSWORD},
    {"nickname": "an\u202en", "password": PASSWORD},
    {"nickname": "an:n", "password": PASSWORD},
    {"nickname": " ann", "password": PASSWORD},
    ["ann", PASSWORD],
    "ann",
]


def test_registration_refused(client: Client) -> None:
    for body in WRONG_BODIES:
        answer = client.post_json("/api/users", body)
        assert answer.status_int == 400, repr(body)[:60]
        assert answer.content_type == "application/problem+json"
        assert client.get("/api/users").json == {"users": []}, repr(body)[:60]


@pytest.mark.parametrize("nickname", ["ann", "ANN", "ａｎｎ"])
def test_nickname_is_taken(client: Client, nickname: str) -> None:
    client.register("Ann")
    body = {"nickname": nickname, "password": "other"}
    assert client.post_json("/api/users", body, status=400).json["detail"] == (
        "the nickname is taken"
    )
    assert len(client.get("/api/users").json["users"]) == 1


@pytest.mark.parametrize(
    "nickname",
    ["\u0430\u0441\u043e", "ac\u03bf", "aco\u3164", "\u0251co", "\u3000aco", "ac\u00ado"],
    ids=ascii,
)
def test_look_alike_is_refused(client: Client, nickname: str) -> None:
    client.register("Aco")
    body = {"nickname": nickname, "password": "other"}
    assert client.post_json("/api/users", body).status_int == 400
    bob = client.join("bob")
    assert client.put_json("/api/users/2", {"nickname": nickname}, headers=bob).status_int == 400
    assert len(client.get("/api/users").json["users"]) == 2


def test_look_alike_of_a_name_that_was_given_up(client: Client) -> None:
    ann = client.join("aco")
    client.put_json("/api/users/1", {"nickname": "ann"}, headers=ann, status=204)
    assert client.register("\u0430\u0441\u043e")
    # What it looks like is of its owner.
    client.put_json("/api/users/1", {"nickname": "aco"}, headers=ann, status=400)


@pytest.mark.parametrize(
    "typed", ["caf\u00e9", "cafe\u0301", "CAF\u00c9", "caf\u00e9\u00ad"], ids=ascii
)
def test_nickname_typed_on_another_keyboard(client: Client, typed: str) -> None:
    client.register("cafe\u0301")
    assert client.token(typed)
    assert client.sign_in(typed).status_int == 303
    assert len(client.get("/api/users").json["users"]) == 1


def test_taken_by_another_just_now(
    client: Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two register one nickname: both look, find nobody, and hash; one is told."""
    hash_password = service.services.actions.sign_in.passwords.hash

    def hash_while_another_registers(password: str, asker: Asker) -> str:
        monkeypatch.undo()
        client.register("ann")
        return hash_password(password, asker)

    monkeypatch.setattr(
        service.services.actions.sign_in.passwords, "hash", hash_while_another_registers
    )
    body = {"nickname": "Ann", "password": PASSWORD}
    answer = client.post_json("/api/users", body, status=400)
    assert answer.json["detail"] == "the nickname is taken"


def test_lone_surrogate_is_no_json(client: Client) -> None:
    body = b'{"nickname": "ann", "password": "\\ud800x"}'
    answer = client.post("/api/users", body, headers={"Content-Type": "application/json"})
    assert (answer.status_int, answer.content_type) == (400, "application/problem+json")


def test_users_who_are_online(client: Client) -> None:
    client.register("bob")
    client.get("/api/messages", headers=client.join("ann"))

    def nicknames(query: str) -> list[str]:
        return [user["nickname"] for user in client.get(f"/api/users{query}").json["users"]]

    assert nicknames("") == ["bob", "ann"]
    assert nicknames("?online=1") == ["ann"]
    assert nicknames("?online=0") == ["bob"]
    assert client.get("/api/users?online=2").status_int == 400


def test_users_updated_since(client: Client) -> None:
    client.register("ann")
    since = time.time()
    client.register("bob")
    users = client.get(f"/api/users?updated_since={since}").json["users"]
    assert [user["nickname"] for user in users] == ["bob"]


def test_unknown_user(client: Client) -> None:
    assert client.get("/api/users/404").json["detail"] == "there is no such user"


def test_change_nickname(client: Client) -> None:
    ann = client.join("ann")
    client.put_json("/api/users/1", {"nickname": "Anna"}, headers=ann, status=204)
    assert client.get("/api/users/1").json["nickname"] == "Anna"
    assert client.token("anna")
    assert client.ask_token("ann", PASSWORD).status_int == 401


def test_change_case_of_own_nickname(client: Client) -> None:
    ann = client.join("ann")
    client.put_json("/api/users/1", {"nickname": "ANN"}, headers=ann, status=204)
    assert client.get("/api/users/1").json["nickname"] == "ANN"


def test_new_password_signs_out_elsewhere(client: Client) -> None:
    ann = client.join("ann")
    other = {"Authorization": f"Bearer {client.token('ann')}"}
    body = {"password": "new", "current_password": PASSWORD}
    client.put_json("/api/users/1", body, headers=ann, status=204)
    assert client.get("/api/rooms", headers=ann).status_int == 200
    assert client.get("/api/rooms", headers=other).status_int == 401
    assert client.ask_token("ann", PASSWORD).status_int == 401
    assert client.token("ann", "new")


@pytest.mark.parametrize("current", [{}, {"current_password": None}, {"current_password": "x"}])
def test_password_is_not_changed_without_the_old_one(
    client: Client, current: dict[str, str | None]
) -> None:
    ann = client.join("ann")
    other = {"Authorization": f"Bearer {client.token('ann')}"}
    body = {"nickname": "anna", "password": "new", **current}
    answer = client.put_json("/api/users/1", body, headers=ann, status=403)
    assert (answer.content_type, "current" in answer.json["detail"]) == (
        "application/problem+json",
        True,
    )
    assert client.get("/api/rooms", headers=other).status_int == 200
    assert client.token("ann", PASSWORD)


def test_old_password_is_no_guessing_game(client: Client, service: Service) -> None:
    """Whoever found a session open may try no more often than whoever signs in."""
    ann = client.join("ann")
    tries = WrongTries(service.services.core.broker, "2/minute")
    service.services.actions.sign_in.wrong_tries = tries
    body = {"password": "new", "current_password": "wrong"}
    answers = [client.put_json("/api/users/1", body, headers=ann) for _ in range(3)]
    assert [answer.status_int for answer in answers] == [403, 403, 429]
    # Signing in is another matter.
    assert client.token("ann")


def test_two_changes_by_one_old_password(
    client: Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who knows it does not undo the change that is to keep them out."""
    ann = client.join("ann")
    check = service.services.actions.sign_in.passwords.check

    def check_before_the_other_change(*arguments: Any) -> Checked:
        checked = check(*arguments)
        monkeypatch.undo()
        body = {"password": "first", "current_password": PASSWORD}
        client.put_json("/api/users/1", body, headers=ann, status=204)
        return checked

    monkeypatch.setattr(
        service.services.actions.sign_in.passwords, "check", check_before_the_other_change
    )
    body = {"password": "second", "current_password": PASSWORD}
    assert client.put_json("/api/users/1", body, headers=ann).status_int == 403
    assert client.token("ann", "first")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"nickname": "bob"}, 400),
        ({"nickname": "a\u0000"}, 400),
        ({"nickname": 5}, 400),
        ({"nickname": "anna", "password": ""}, 400),
    ],
)
def test_change_refused_changes_nothing(
    client: Client, body: dict[str, int | str], status: int
) -> None:
    ann = client.join("ann")
    client.register("bob")
    before = client.get("/api/users/1").json
    assert client.put_json("/api/users/1", body, headers=ann).status_int == status
    after = client.get("/api/users/1").json
    assert (after["nickname"], after["updated_at"]) == (before["nickname"], before["updated_at"])


def test_nobody_changes_another(client: Client) -> None:
    client.register("ann")
    bob = client.join("bob")
    client.put_json("/api/users/1", {"nickname": "x"}, headers=bob, status=403)
    client.put_json("/api/users/1", {"nickname": "x"}, status=401)
    assert client.get("/api/users/1").json["nickname"] == "ann"


def test_busy_with_passwords(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ngw2f.hash_queue.MAX_WAITING", 0)
    body = {"nickname": "ann", "password": PASSWORD}
    for answer in (client.post_json("/api/users", body), client.ask_token("ann", PASSWORD)):
        assert (answer.status_int, answer.headers["Retry-After"]) == (503, "2")


def test_many_changes_of_one_password_leave_the_others_their_turn(
    client: Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """44 at the same time had closed sign-in to everybody for half a minute."""
    ann = client.join("ann")
    client.register("bob")
    held, hash_password = threading.Event(), PasswordHasher.hash

    def hold(self: PasswordHasher, password: str, **salt: Any) -> str:
        assert held.wait(60)
        return hash_password(self, password, **salt)

    monkeypatch.setattr(PasswordHasher, "hash", hold)

    def change() -> int:
        body = {"password": "new", "current_password": PASSWORD}
        answer = Client(service).put_json("/api/users/1", body, headers=ann)
        return int(answer.status_int)

    changes = [gevent.spawn(change) for _ in range(44)]
    gevent.sleep(0)
    try:
        # While all of them are held.
        assert client.token("bob")
        refused = [greenlet.get() for greenlet in changes if greenlet.ready()]
    finally:
        held.set()
    assert refused == [429] * (44 - MAX_OF_BOTH)
    # The one that is done first makes the others' current password an old one.
    rest = [greenlet.get(timeout=60) for greenlet in changes]
    assert (rest.count(204), rest.count(403)) == (1, MAX_OF_BOTH - 1)

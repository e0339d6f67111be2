from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text
from webtest import TestResponse

from ngw2f.chat import Chat
from ngw2f.passwords import Checked
from ngw2f.server.service import Service
from ngw2f.store import events, users
from ngw2f.store.tokens import SECONDS_A_DAY
from ngw2f.web.caching import TARGETED_FIELD
from tests.client import BROWSER, PASSWORD, Client, basic


def test_token_opens(client: Client) -> None:
    ann = client.join("ann")
    client.say(ann, "hello")
    assert client.sources() == ["hello"]


def test_several_tokens_revoked_one_by_one(client: Client) -> None:
    first, second = client.join("ann"), {"Authorization": f"Bearer {client.token('ann')}"}
    client.delete("/api/tokens", headers=first, status=204)
    assert client.get("/api/rooms", headers=first).status_int == 401
    assert client.get("/api/rooms", headers=second).status_int == 200
    assert client.delete("/api/tokens", headers=first).status_int == 401


def test_answer_is_not_stored(client: Client) -> None:
    client.register("ann")
    assert client.ask_token("ann", PASSWORD).headers["Cache-Control"] == "no-store"


def test_expired_token(build: Callable[..., Service]) -> None:
    client = Client(build(token_days=1e-9))
    assert client.get("/api/rooms", headers=client.join("ann")).status_int == 401


@pytest.mark.parametrize("path", ["/api/rooms/1", "/api/messages"])
def test_answer_is_not_kept_for_longer_than_its_token_is_good(
    build: Callable[..., Service], path: str
) -> None:
    """Nothing tells the cache that a token has expired."""
    service = build(token_days=20 / SECONDS_A_DAY)
    ann = Client(service).join("ann")
    # Without the cache, which takes for itself what it is told.
    answer = Client(Chat(service.services)).get(path, headers=ann, status=200)
    assert int(answer.headers[TARGETED_FIELD].removeprefix("public, max-age=")) <= 20


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Basic",
        "Basic !!",
        "Basic \xe9",
        "Basic " + "/" * 8,
        "Bearer x",
        "Digest x=1",
        basic("ann", ""),
        basic("ann", PASSWORD + " "),
        basic("", PASSWORD),
        basic("bob", PASSWORD),
        basic("a\0nn", PASSWORD),
        basic("ann", "\0"),
        basic("ann\ud800".encode("utf-8", "replace").decode(), PASSWORD),
    ],
)
def test_wrong_credentials(client: Client, authorization: str | None) -> None:
    client.register("ann")
    headers = {"Authorization": authorization} if authorization else {}
    answer = client.post("/api/tokens", headers=headers)
    assert answer.status_int == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="NGW2F chat", charset="UTF-8"'


@pytest.mark.parametrize("typed", ["s\u00e9same", "se\u0301same"], ids=ascii)
def test_one_password_typed_on_two_keyboards(client: Client, typed: str) -> None:
    """RFC 8265 section 4.2, and RFC 7617 section 2.1 for the header."""
    client.register("ann", "se\u0301same")
    client.register("bob", "s\u00e9same")
    assert client.token("ann", typed)
    assert client.token("bob", typed)
    assert client.sign_in("ann", typed).status_int == 303


@pytest.mark.parametrize("credentials", [b"ann:s\xe9same", b"ann:\xed\xa0\x80", b"\xff", b"ann"])
def test_credentials_that_are_no_utf_8(client: Client, credentials: bytes) -> None:
    client.register("ann", "s\u00e9same")
    headers = {"Authorization": "Basic " + b64encode(credentials).decode()}
    assert client.post("/api/tokens", headers=headers).status_int == 401


def test_old_hash_is_replaced_by_that_of_the_prepared_password(
    client: Client, service: Service
) -> None:
    """Releases before this one hashed what was typed."""
    client.register("ann")
    old = service.services.actions.sign_in.passwords._hasher.hash("se\u0301same")

    def stored() -> users.Credentials:
        with service.services.core.database.reading() as connection:
            found = users.find_credentials(connection, "ann")
        assert found is not None
        return found

    _set_hash(service, old)
    assert client.ask_token("ann", "sesame").status_int == 401
    assert stored().password_hash == old
    assert client.token("ann", "s\u00e9same")
    new = stored().password_hash
    assert service.services.actions.sign_in.passwords._hasher.verify(new, "s\u00e9same")
    assert client.token("ann", "se\u0301same")
    assert stored().password_hash == new


def test_password_that_is_changed_while_its_hash_is_replaced(
    client: Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.register("ann")
    hasher = service.services.actions.sign_in.passwords._hasher
    old, other = hasher.hash("se\u0301same"), hasher.hash("other")
    _set_hash(service, old)
    check = service.services.actions.sign_in.passwords.check

    def check_while_another_sets_it(*arguments: Any) -> Checked:
        checked = check(*arguments)
        _set_hash(service, other)
        return checked

    monkeypatch.setattr(
        service.services.actions.sign_in.passwords, "check", check_while_another_sets_it
    )
    assert client.ask_token("ann", "s\u00e9same").status_int == 401
    monkeypatch.undo()
    assert client.token("ann", "other")


def _set_hash(service: Service, password_hash: str) -> None:
    with service.services.core.database.writing() as connection:
        connection.execute(text("UPDATE users SET password_hash = :it"), {"it": password_hash})


def _lasting(answer: TestResponse) -> dict[str, str]:
    """Return the headers that do not differ from one request to the next anyway."""
    passing = {"X-Request-ID", "RateLimit"}
    return {name: value for name, value in answer.headers.items() if name not in passing}


def test_same_answer_for_wrong_nickname_and_password(client: Client) -> None:
    client.register("ann")
    answers = [client.ask_token("ann", "wrong"), client.ask_token("bob", "wrong")]
    assert answers[0].body == answers[1].body
    assert _lasting(answers[0]) == _lasting(answers[1])


@pytest.mark.parametrize("nickname", ["ann", "bob"])
def test_same_work_for_wrong_nickname_and_password(
    client: Client, monkeypatch: pytest.MonkeyPatch, nickname: str
) -> None:
    client.register("ann")
    verify, asked = PasswordHasher.verify, []

    def verify_and_count(*arguments: Any) -> Any:
        asked.append(arguments)
        return verify(*arguments)

    monkeypatch.setattr(PasswordHasher, "verify", verify_and_count)
    assert client.ask_token(nickname, "wrong").status_int == 401
    assert len(asked) == 1


@pytest.mark.parametrize("authorization", ["Bearer", "Bearer ", "Bearer é", "Token x", "x"])
def test_wrong_token(client: Client, authorization: str) -> None:
    answer = client.get("/api/rooms", headers={"Authorization": authorization})
    assert answer.status_int == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="NGW2F chat"'


def test_token_goes_before_cookie(client: Client) -> None:
    client.sign_in("ann")
    bob = client.join("bob")
    assert client.say(bob, "by bob")["user_id"] == 2
    assert client.get("/api/rooms", headers={"Authorization": "Bearer x"}).status_int == 401


def test_stored_hashed(client: Client, service: Service) -> None:
    ann = client.join("ann")
    token = ann["Authorization"].removeprefix("Bearer ")
    with service.services.core.database.reading() as connection:
        rows = connection.execute(text("SELECT * FROM tokens")).all()
        users = connection.execute(text("SELECT password_hash FROM users")).scalars().all()
    assert token not in repr(rows)
    assert [user.partition("$v=")[0] for user in users] == ["$argon2id"]


def test_presence_is_written_once_a_minute(client: Client, service: Service) -> None:
    ann = client.join("ann")
    with service.services.core.database.writing() as connection:
        connection.execute(text("UPDATE users SET last_seen_at = 5"))
    client.get("/api/rooms", headers=ann)
    assert client.get("/api/users/1").json["last_seen_at"] > 5


def test_oldest_token_goes(build: Callable[..., Service]) -> None:
    """Also from the streams that were opened with it, which an event tells of."""
    service = build(tokens_per_account=2)
    client = Client(service)
    client.register("ann")
    made = [client.token("ann") for _ in range(3)]
    statuses = [_status(client, token) for token in made]
    assert statuses == [401, 200, 200]
    with service.services.core.database.reading() as connection:
        run = events.list_events(connection, 0, 10)
    assert [event.name for event in run.events].count("tokens.revoked") == 1


def test_api_tokens_and_sessions_are_counted_apart(build: Callable[..., Service]) -> None:
    client = Client(build(tokens_per_account=1))
    client.sign_in("ann")
    token = client.token("ann")
    assert "ann" in client.get("/", headers=BROWSER).text
    client.token("ann")
    assert _status(client, token) == 401
    assert client.get("/logout", headers=BROWSER).text.count("Sign out")
    assert client.get("/", headers=BROWSER).html.select(".who")


def _status(client: Client, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return int(client.get("/api/rooms", headers=headers).status_int)


def test_tokens_of_an_account_without_what_opens(client: Client) -> None:
    ann, bob = client.join("ann"), client.join("bob")
    named = client.post_json(
        "/api/tokens",
        {"name": " my  bot "},
        headers={"Authorization": basic("ann", PASSWORD), "User-Agent": "bot/1\x07"},
    ).json["token"]
    answer = client.get("/api/tokens", headers=ann, status=200)
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert named not in answer
    made, first = answer.json["tokens"]
    assert (made["name"], made["user_agent"], made["kind"]) == ("my bot", "bot/1", "token")
    assert (made["current"], first["current"]) == (False, True)
    assert made["created_at"] == made["last_used_at"] < made["expires_at"]
    assert len(client.get("/api/tokens", headers=bob).json["tokens"]) == 1


@pytest.mark.parametrize("body", [b'{"name": 1}', b'{"name": "' + b"x" * 65 + b'"}', b"{", b"[]"])
def test_token_with_a_wrong_name(client: Client, body: bytes) -> None:
    client.register("ann")
    headers = {"Authorization": basic("ann", PASSWORD), "Content-Type": "application/json"}
    assert client.post("/api/tokens", body, headers=headers).status_int == 400


def test_token_of_another_account_is_not_there(client: Client) -> None:
    ann, bob = client.join("ann"), client.join("bob")
    (token,) = client.get("/api/tokens", headers=ann).json["tokens"]
    assert client.delete(f"/api/tokens/{token['id']}", headers=bob).status_int == 404
    assert client.delete("/api/tokens/2147483648", headers=bob).status_int == 404
    client.delete(f"/api/tokens/{token['id']}", headers=ann, status=204)
    assert client.get("/api/rooms", headers=ann).status_int == 401


def test_other_sessions_are_ended(client: Client, service: Service) -> None:
    other = Client(service)
    other.sign_in("ann")
    client.sign_in("ann")
    client.delete("/api/sessions", status=204)
    client.delete("/api/sessions", status=204)
    assert other.get("/api/tokens").status_int == 401
    assert [each["current"] for each in client.get("/api/tokens").json["tokens"]] == [True]

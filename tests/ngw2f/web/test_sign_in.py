from collections.abc import Callable

import pytest
from webtest import TestResponse

from ngw2f.hash_queue import Asker
from ngw2f.server.service import Service
from tests.client import BROWSER, PASSWORD, Client
from tests.ngw2f.web.browsing import form_of, page, submit, texts


def session(answer: TestResponse) -> tuple[str, set[str]]:
    """Return the session cookie's value and attributes."""
    value, *attributes = answer.headers["Set-Cookie"].split("; ")
    return value, {attribute.lower() for attribute in attributes}


def test_sign_out(client: Client) -> None:
    client.sign_in("ann")
    cookie = client.cookies["session"]
    answer = submit(page(client), "/logout")
    assert (answer.status_int, answer.headers["Location"]) == (303, "/")
    assert "session" not in client.cookies
    client.set_cookie("session", cookie)
    assert form_of(page(client), "/login")


def test_sign_out_page(client: Client) -> None:
    client.sign_in("ann")
    assert submit(page(client, "/logout"), "/logout").status_int == 303
    assert client.post("/logout", headers=BROWSER).status_int == 303


def test_known_nickname_signs_in(client: Client) -> None:
    client.register("ann")
    assert client.sign_in("ANN").status_int == 303
    assert client.get("/api/users").json["users"][0]["nickname"] == "ann"
    assert len(client.get("/api/users").json["users"]) == 1


def test_wrong_password(client: Client) -> None:
    client.register("ann")
    answer = client.sign_in("ann", "wrong", next="/rooms/lobby")
    assert answer.status_int == 401
    assert texts(answer, "[role=alert]") == ["Wrong nickname or password."]
    form = form_of(answer, "/login")
    assert (form["nickname"].value, form["next"].value) == ("ann", "/rooms/lobby")
    assert form["password"].value == ""
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(("nickname", "password"), [("", PASSWORD), ("ann", ""), (" ", PASSWORD)])
def test_form_without_all_fields(client: Client, nickname: str, password: str) -> None:
    answer = client.sign_in(nickname, password)
    assert answer.status_int == 400
    assert texts(answer, "[role=alert]") == ["Type a nickname and a password."]
    assert client.get("/api/users").json["users"] == []


@pytest.mark.parametrize("nickname", ["a\0b", "a:b", "x" * 33, "a\u202eb"])
def test_nickname_refused(client: Client, nickname: str) -> None:
    answer = client.sign_in(nickname)
    assert (answer.status_int, answer.content_type) == (400, "text/html")
    assert client.get("/api/users").json["users"] == []


def test_new_nickname_is_asked_for_once_more(client: Client) -> None:
    client.register("ann", "x")
    answer = submit(
        page(client, "/login"), "/login", nickname="anm", password="x", next="/rooms", remember="1"
    )
    assert (answer.status_int, texts(answer, "h1")) == (200, ["New here?"])
    assert "Nobody is called anm yet" in texts(answer, "[role=status]")[0]
    assert len(client.get("/api/users").json["users"]) == 1
    form = form_of(answer, "/login")
    assert [form[name].value for name in ("nickname", "next", "password")] == ["anm", "/rooms", ""]
    assert form["remember"].checked
    # It was a typo: the account that is there signs in, whatever its password.
    answer = submit(answer, "/login", nickname="Ann", password="x")
    assert (answer.status_int, answer.headers["Location"]) == (303, "/rooms")
    assert len(client.get("/api/users").json["users"]) == 1


def test_nickname_is_registered_when_it_is_sent_again(client: Client) -> None:
    answer = submit(page(client, "/login"), "/login", nickname="anm", password="x")
    # Another new one is another question.
    answer = submit(answer, "/login", nickname="anna", password=PASSWORD)
    assert "Nobody is called anna yet" in texts(answer, "[role=status]")[0]
    assert submit(answer, "/login", password=PASSWORD).status_int == 303
    assert [user["nickname"] for user in client.get("/api/users").json["users"]] == ["anna"]
    assert client.token("anna", PASSWORD)


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("1234567", "A password must have 8 characters or more."),
        ("Password123!", "This password is one that others would try: choose another."),
        ("JOHN.doe", "This password is one that others would try: choose another."),
    ],
)
def test_weak_password_is_not_taken_from_a_new_account(
    client: Client, password: str, said: str
) -> None:
    answer = submit(page(client, "/login"), "/login", nickname="john.doe", password=password)
    answer = submit(answer, "/login", password=password)
    assert (answer.status_int, texts(answer, "[role=alert]")) == (400, [said])
    assert client.get("/api/users").json["users"] == []
    assert submit(answer, "/login", password="a better one").status_int == 303


def test_nickname_that_somebody_took_meanwhile(
    service: Service, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords = service.services.actions.sign_in.passwords
    hash_password = passwords.hash

    def overtaken(password: str, asker: Asker) -> str:
        monkeypatch.undo()
        client.register("Ann")
        return hash_password(password, asker)

    answer = submit(page(client, "/login"), "/login", nickname="ann", password=PASSWORD)
    monkeypatch.setattr(passwords, "hash", overtaken)
    answer = submit(answer, "/login", password=PASSWORD)
    assert (answer.status_int, texts(answer, "h1")) == (400, ["Sign in"])
    assert texts(answer, "[role=alert]") == ["The nickname is taken."]
    form = form_of(answer, "/login")
    assert (form["nickname"].value, form["new"].value) == ("ann", "")


def test_program_registers_at_once(client: Client) -> None:
    assert client.sign_in("ann", "x").status_int == 303


def test_nickname_that_nobody_may_have_is_not_asked_for(client: Client) -> None:
    answer = submit(page(client, "/login"), "/login", nickname="a:b", password=PASSWORD)
    assert (answer.status_int, texts(answer, "[role=alert]")) == (
        400,
        ["A nickname must not contain ':'."],
    )
    assert form_of(answer, "/login")["nickname"].value == "a:b"


def test_session_ends_with_the_browser(client: Client) -> None:
    _, attributes = session(client.sign_in("ann"))
    assert attributes == {"httponly", "path=/", "samesite=lax"}


def test_remembered_for_sixty_days(client: Client) -> None:
    value, attributes = session(client.sign_in("ann", remember="1"))
    assert f"max-age={60 * 86_400}" in attributes
    assert {"httponly", "samesite=lax"} <= attributes
    assert len(value.removeprefix("session=")) >= 43


def test_secure_under_https(service: Service) -> None:
    client = Client(service)
    client.extra_environ["wsgi.url_scheme"] = "https"
    assert "secure" in session(client.sign_in("ann"))[1]
    assert "secure" in session(client.post("/logout"))[1]


def test_session_is_too_old(build: Callable[..., Service]) -> None:
    client = Client(build(session_days=1e-9))
    client.sign_in("ann")
    assert form_of(page(client), "/login")
    assert client.post("/rooms/lobby", {"source": "x"}, headers=BROWSER).status_int == 401


@pytest.mark.parametrize("cookie", ["session=x", "session=", "session=\xff", 'session="', "\x80"])
def test_cookie_that_is_none(client: Client, cookie: str) -> None:
    headers = {**BROWSER, "Cookie": cookie}
    assert client.get("/", headers=headers).status_int == 200
    assert client.post("/rooms/lobby", {"source": "x"}, headers=headers).status_int == 401
    assert client.sources() == []


@pytest.mark.parametrize(
    ("next_path", "location"),
    [
        ("/rooms/lobby", "/rooms/lobby"),
        ("/rooms/tea%20time?before=3", "/rooms/tea%20time?before=3"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/a\r\nSet-Cookie: x=y", "/"),
        ("/\t/evil.example", "/"),
        ("/rooms/tea time", "/"),
        ("/rooms/é", "/"),
        ("", "/"),
    ],
)
def test_next_stays_here(client: Client, next_path: str, location: str) -> None:
    assert client.sign_in("ann", next=next_path).headers["Location"] == location


@pytest.mark.parametrize("name", ["tea time", "café", "a&b", "日本"])
def test_back_to_the_room_after_sign_in(build: Callable[..., Service], name: str) -> None:
    client = Client(build(anonymous_read=False))
    ann = client.join("ann")
    client.post_json("/api/rooms", {"name": name}, headers=ann, status=201)
    client.sign_in("ann")
    path = next(link["href"] for link in page(client).html.select(".rooms a") if name in link.text)
    client.reset()
    answer = submit(page(client, path, 401), "/login", nickname="ann", password=PASSWORD)
    assert answer.status_int == 303
    assert texts(answer.follow(headers=BROWSER), "h1") == [name]


def test_browser_without_cookies_is_told_so(client: Client) -> None:
    client.register("ann", "a long one")
    form = form_of(page(client), "/login")
    form["nickname"], form["password"] = "ann", "a long one"
    client.reset()
    answer = form.submit(headers=BROWSER, status=400)
    assert texts(answer, "[role=alert]")[0].startswith("This browser keeps no cookies")
    assert "session" not in client.cookies
    # One that keeps them has it now.
    submit(answer, "/login", nickname="ann", password="a long one").follow(headers=BROWSER)
    assert "session" in client.cookies

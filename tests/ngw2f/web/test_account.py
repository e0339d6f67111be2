"""The settings of an account, as forms."""

import re

import pytest
from webtest import TestResponse

from ngw2f.server.service import Service
from tests.client import BROWSER, PASSWORD, Client
from tests.ngw2f.web.browsing import form_of, page, submit, texts

NEW = "open barley"


def change(
    client: Client,
    current: str = PASSWORD,
    new: str = NEW,
    again: str | None = None,
    status: int | None = None,
) -> TestResponse:
    answer = client.get("/account", headers=BROWSER, status=200)
    form = next(form for form in answer.forms.values() if form.action == "/account")
    form["current_password"] = current
    form["new_password"] = new
    form["new_password_again"] = new if again is None else again
    answer = form.submit(headers=BROWSER)
    assert status is None or answer.status_int == status
    return answer


def test_page_is_linked_and_signed_in_for(client: Client) -> None:
    client.register("ann")
    answer = client.get("/account", headers=BROWSER)
    assert answer.status_int == 401
    form = form_of(answer, "/login")
    form["nickname"], form["password"] = "ann", PASSWORD
    answer = form.submit(headers=BROWSER)
    assert answer.headers["Location"] == "/account"
    answer = client.get("/", headers=BROWSER).click("ann", href="/account")
    assert texts(answer, "h1") == ["Settings"]
    assert answer.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("path", ["/account", "/account/delete"])
def test_hidden_name_has_a_label(client: Client, path: str) -> None:
    client.sign_in("ann")
    fields = re.findall(r"<input hidden [^>]+>", client.get(path, headers=BROWSER).text)
    assert fields
    # HTML_CodeSniffer advises against the label, and without it finds an error.
    assert all('aria-label="Nickname"' in field for field in fields)


def test_change_keeps_this_session_and_ends_the_others(client: Client, service: Service) -> None:
    client.sign_in("ann")
    other = Client(service)
    other.sign_in("ann")
    api = {"Authorization": f"Bearer {client.token('ann')}"}
    answer = change(client, status=303).follow(headers=BROWSER)
    assert texts(answer, ".notice[role=status]") == [
        "Your password is changed. Everywhere else you are signed out."
    ]
    assert client.get("/account", headers=BROWSER).status_int == 200
    assert other.get("/account", headers=BROWSER).status_int == 401
    assert client.get("/api/rooms", headers=api).status_int == 401
    assert client.ask_token("ann", PASSWORD).status_int == 401
    assert client.token("ann", NEW)


def test_change_forgets_other_browsers_and_keeps_this_one(client: Client, service: Service) -> None:
    client.sign_in("ann")
    other = Client(service)
    other.sign_in("ann")
    answer = change(client, status=303)
    assert answer.headers["Set-Cookie"].startswith("device-1=")
    again = client.sign_in("ann", NEW).headers.getall("Set-Cookie")
    assert [name.partition("=")[0] for name in again] == ["session"]
    elsewhere = other.sign_in("ann", NEW).headers.getall("Set-Cookie")
    assert [name.partition("=")[0] for name in elsewhere] == ["device-1", "session"]


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"current": "wrong"}, 403, "The current password is wrong."),
        ({"current": ""}, 403, "The current password is wrong."),
        ({"again": "other"}, 400, "The two new passwords differ."),
        ({"new": ""}, 400, "A password must have 1 to 1024 characters."),
        ({"new": "barley"}, 400, "A password must have 8 characters or more."),
        ({"new": "password1"}, 400, "This password is one that others would try: choose another."),
        (
            {"new": "barley a\u3164"},
            400,
            "A password must not contain control, invisible or undefined characters.",
        ),
    ],
)
def test_what_is_wrong_is_said(
    client: Client, fields: dict[str, str], status: int, said: str
) -> None:
    client.sign_in("ann")
    answer = change(client, **fields, status=status)
    assert texts(answer, "[role=alert]") == [said]
    assert all(not field.get("value") for field in answer.html.select("[type=password]"))
    assert client.token("ann", PASSWORD)


def test_wrong_tries_are_bounded(client: Client) -> None:
    client.sign_in("ann")
    answers = [change(client, current="wrong").status_int for _ in range(21)]
    assert answers == [403] * 20 + [429]
    answer = change(client, status=429)
    assert int(answer.headers["Retry-After"]) > 0


def test_nobody_changes_a_password_who_is_not_signed_in(client: Client) -> None:
    client.register("ann")
    form = {"current_password": PASSWORD, "new_password": NEW, "new_password_again": NEW}
    assert client.post("/account", form, headers=BROWSER).status_int == 401
    assert client.token("ann", PASSWORD)


def test_nickname_is_changed(client: Client) -> None:
    client.sign_in("ann")
    answer = submit(page(client, "/account"), "/account/nickname", nickname=" Anna ")
    answer = answer.follow(headers=BROWSER)
    assert texts(answer, ".notice[role=status]") == ["Your nickname is changed."]
    assert texts(answer, ".who") == ["Anna"]


def test_nickname_that_is_taken(client: Client) -> None:
    client.register("bob")
    client.sign_in("ann")
    answer = submit(page(client, "/account"), "/account/nickname", nickname="Bob")
    assert answer.status_int == 400
    assert texts(answer, "[role=alert]") == ["The nickname is taken."]


@pytest.mark.parametrize(
    ("theme", "said"), [("dark", "dark"), ("light", "light"), ("system", "light dark")]
)
def test_theme_is_in_each_page_from_its_first_bytes(client: Client, theme: str, said: str) -> None:
    client.sign_in("ann")
    answer = submit(page(client, "/account"), "/account/theme", theme=theme)
    assert answer.headers["Location"] == "/account?done=theme"
    for path in ("/", "/account", "/search", "/rooms", "/inbox"):
        head = page(client, path).html.head
        (scheme,) = head.select("meta[name=color-scheme]")
        assert scheme["content"] == said
        assert not scheme.find_previous("link")
    (chosen,) = page(client, "/account").html.select("[name=theme][checked]")
    assert chosen["value"] == theme


def test_theme_that_there_is_not(client: Client) -> None:
    client.sign_in("ann")
    assert client.post("/account/theme", {"theme": "pink"}, headers=BROWSER).status_int == 400


def test_sessions_are_listed_and_ended_one_by_one(client: Client, service: Service) -> None:
    client.register("ann")
    other = Client(service)
    other.post(
        "/login",
        {"nickname": "ann", "password": PASSWORD},
        headers={**BROWSER, "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Gecko/20 Firefox/150"},
    )
    client.sign_in("ann")
    answer = page(client, "/account")
    assert texts(answer, "#sessions b") == ["A browser", "Firefox on Linux"]
    assert len(answer.html.select("#sessions .badge")) == 1
    (action,) = (
        form["action"] for form in answer.html.select("#sessions li:not(:has(.badge)) form")
    )
    answer = submit(answer, action).follow(headers=BROWSER)
    assert texts(answer, ".notice[role=status]") == ["It is revoked."]
    assert other.get("/account", headers=BROWSER).status_int == 401
    assert submit(page(client, "/account"), "/account/sessions").status_int == 303


def test_sign_out_everywhere_else(client: Client, service: Service) -> None:
    client.sign_in("ann")
    other = Client(service)
    other.sign_in("ann")
    program = {"Authorization": f"Bearer {client.token('ann')}"}
    submit(page(client, "/account"), "/account/sessions")
    assert other.get("/account", headers=BROWSER).status_int == 401
    assert page(client, "/account")
    assert client.get("/api/rooms", headers=program).status_int == 200


def test_token_is_shown_once(client: Client) -> None:
    client.sign_in("ann")
    answer = submit(page(client, "/account"), "/account/tokens", name="my bot", password=PASSWORD)
    assert answer.headers["Cache-Control"] == "no-store"
    (token,) = texts(answer, ".notice code")
    headers = {"Authorization": f"Bearer {token}"}
    assert client.get("/api/rooms", headers=headers).status_int == 200
    answer = page(client, "/account")
    assert token not in answer
    assert texts(answer, "#tokens b") == ["my bot"]


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"password": "wrong"}, 403, "The password is wrong."),
        ({"name": "x" * 65}, 400, "A token's name may have at most 64 characters."),
    ],
)
def test_token_is_not_made(client: Client, fields: dict[str, str], status: int, said: str) -> None:
    client.sign_in("ann")
    values = {"name": "bot", "password": PASSWORD, **fields}
    answer = client.post("/account/tokens", values, headers=BROWSER)
    assert answer.status_int == status
    assert texts(answer, "[role=alert]") == [said]
    assert not texts(page(client, "/account"), "#tokens b")

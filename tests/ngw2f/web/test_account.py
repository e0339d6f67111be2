"""The page on which one changes one's password."""

import pytest
from webtest import TestResponse

from ngw2f.server.service import Service
from tests.client import BROWSER, PASSWORD, Client
from tests.ngw2f.web.browsing import form_of

NEW = "open barley"


def texts(answer: TestResponse, selector: str) -> list[str]:
    return [found.get_text().strip() for found in answer.html.select(selector)]


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
    assert texts(answer, "h1") == ["Your account"]
    assert answer.headers["Cache-Control"] == "private, no-cache"


def test_change_keeps_this_session_and_ends_the_others(client: Client, service: Service) -> None:
    client.sign_in("ann")
    other = Client(service)
    other.sign_in("ann")
    api = {"Authorization": f"Bearer {client.token('ann')}"}
    answer = change(client, status=303).follow(headers=BROWSER)
    assert texts(answer, "[role=status]") == [
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
        ({"new": ""}, 400, "A password has 1 to 1024 characters."),
        (
            {"new": "a\u3164"},
            400,
            "A password has no control, invisible or undefined characters.",
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

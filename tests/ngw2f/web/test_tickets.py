"""Tickets over HTTP: what opens a stream where a browser cannot send Authorization."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from webtest import TestResponse

from ngw2f.server.service import Service
from tests.client import Client

NOW = "/api/events?after=0&wait=0"


@pytest.fixture
def ann(client: Client) -> dict[str, str]:
    """Let Ann have a private room, in which there is a message."""
    ann = client.join("ann")
    room = {"name": "den", "private": True}
    client.post_json("/api/rooms", room, headers=ann, status=201)
    client.say(ann, "secret", "/api/rooms/2/messages")
    return ann


def ask_ticket(client: Client, headers: dict[str, str]) -> str:
    return str(client.post("/api/tickets", headers=headers, status=200).json["ticket"])


def names(answer: TestResponse) -> list[str]:
    return [event["event"] for event in answer.json["events"]]


def test_answer_says_for_how_long_and_is_not_stored(client: Client, ann: dict[str, str]) -> None:
    answer = client.post("/api/tickets", headers=ann, status=200)
    assert sorted(answer.json) == ["expires_in", "ticket"]
    assert answer.json["expires_in"] == 30
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["RateLimit-Policy"].startswith('"ticket"')


def test_ticket_shows_what_its_user_may_see(client: Client, ann: dict[str, str]) -> None:
    assert "message.created" not in names(client.get(NOW))
    answer = client.get(f"{NOW}&ticket={ask_ticket(client, ann)}", status=200)
    assert "message.created" in names(answer)
    assert answer.headers["Cache-Control"] == "no-store"


def test_page_may_have_one_by_its_cookie(client: Client) -> None:
    client.sign_in("ann")
    ticket = ask_ticket(client, {})
    client.reset()
    assert client.get(f"{NOW}&ticket={ticket}", status=200)


def test_nobody_gets_none(client: Client, ann: dict[str, str]) -> None:
    assert client.post("/api/tickets", status=401)
    # A ticket is good for no other one.
    assert client.post(f"/api/tickets?ticket={ask_ticket(client, ann)}", status=401)


@pytest.mark.parametrize("path", [NOW, "/events?after=0"])
def test_used_or_wrong_ticket_gets_a_final_answer(
    client: Client, ann: dict[str, str], path: str
) -> None:
    used = ask_ticket(client, ann)
    client.get(f"{NOW}&ticket={used}", status=200)
    for ticket in (used, "x", ""):
        # Neither does what else proves who asks.
        answer = client.get(f"{path}&ticket={ticket}", headers=ann, status=401)
        assert "POST /api/tickets" in answer.text
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Retry-After" not in answer.headers


def test_answer_to_programs_is_a_problem(client: Client) -> None:
    answer = client.get(f"{NOW}&ticket=x", status=401)
    assert answer.content_type == "application/problem+json"
    assert answer.json["detail"].startswith("the ticket is unknown, used or expired")


def test_refusal_for_another_reason_leaves_it_good(client: Client, ann: dict[str, str]) -> None:
    ticket = ask_ticket(client, ann)
    client.get(f"/events?ticket={ticket}", headers={"Accept": "image/png"}, status=406)
    client.get(f"/ws?ticket={ticket}", status=426)
    client.get(f"{NOW}&ticket={ticket}", status=200)


def test_it_opens_nothing_but_streams(client: Client, ann: dict[str, str]) -> None:
    ticket = ask_ticket(client, ann)
    client.get(f"/api/rooms/2?ticket={ticket}", status=404)
    client.post_json(f"/api/messages?ticket={ticket}", {"source": "x"}, status=401)
    client.get(f"{NOW}&ticket={ticket}", status=200)


def test_where_reading_needs_an_account(build: Callable[..., Service]) -> None:
    client = Client(build(anonymous_read=False))
    ann = client.join("ann")
    client.get(NOW, status=401)
    client.get(f"{NOW}&ticket={ask_ticket(client, ann)}", status=200)


def test_nothing_logs_it(
    client: Client,
    service: Service,
    ann: dict[str, str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level("DEBUG")
    ticket, fails = ask_ticket(client, ann), ask_ticket(client, ann)
    client.get(f"{NOW}&ticket={ticket}", status=200)
    client.get(f"{NOW}&ticket={ticket}", status=401)
    monkeypatch.setattr(service.services.hub, "subscribe", _fail)
    client.get(f"{NOW}&ticket={fails}", status=500)
    assert "on purpose" in caplog.text
    assert ticket not in caplog.text
    assert fails not in caplog.text


def _fail(*_arguments: Any, **_options: Any) -> Iterator[Any]:
    raise RuntimeError("on purpose")

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from ngw2f.server.service import Service
from ngw2f.store.events import Run
from tests.client import BROWSER, Client


@pytest.mark.parametrize(
    ("path", "accept", "media_type"),
    [
        ("/api/nothing", None, "application/problem+json"),
        ("/api/nothing", "text/html", "text/html"),
        ("/api/nothing", "text/plain", "text/plain"),
        ("/nothing", None, "text/plain"),
        ("/nothing", "*/*", "text/plain"),
        ("/nothing", "application/json", "application/problem+json"),
        ("/nothing", BROWSER["Accept"], "text/html"),
        ("/tasks/x", None, "application/problem+json"),
    ],
)
def test_form_of_an_error(client: Client, path: str, accept: str | None, media_type: str) -> None:
    answer = client.get(path, headers={"Accept": accept} if accept else {}, status=404)
    assert answer.content_type == media_type
    assert "Accept" in answer.headers["Vary"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_problem(client: Client) -> None:
    """RFC 9457 section 3.1."""
    assert client.get("/api/messages/5", status=404).json == {
        "title": "Not Found",
        "status": 404,
        "detail": "there is no such message",
        "type": "about:blank",
    }


def test_text(client: Client) -> None:
    assert client.get("/nothing", status=404).text == (
        "404 Not Found: there is nothing at /nothing\n"
    )


def test_page(client: Client) -> None:
    answer = client.get("/nothing", headers=BROWSER, status=404)
    assert answer.html.h1.text == "404 Not Found"
    assert answer.html.select_one("[role=alert]").text == "There is nothing at /nothing."


def test_path_is_escaped(client: Client) -> None:
    answer = client.get("/%3Cscript%3E", headers=BROWSER, status=404)
    # The page's own scripts are files.
    assert not [each for each in answer.html.select("script") if not each.get("src")]
    assert "<script>" in answer.html.select_one("[role=alert]").text


@pytest.mark.parametrize("path", ["/%ff", "/%ED%A0%80", "/%00", "/%0d%0aSet-Cookie:x"])
@pytest.mark.parametrize("accept", ["application/json", "text/html", "text/plain"])
def test_any_path_can_be_told(client: Client, path: str, accept: str) -> None:
    answer = client.get(path, headers={"Accept": accept}, status=404)
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("backend", ["postgresql"])
def test_commit_without_an_answer_may_have_been_done(
    client: Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = client.join("ann")
    events = service.services.core.events
    record = events.record

    def record_and_lose_the_server(connection: Connection, *arguments: Any) -> Run:
        run = record(connection, *arguments)
        (pid,) = connection.execute(text("SELECT pg_backend_pid()")).one()
        with service.services.core.database.asking() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 60000)"), {"pid": pid})
        return run

    monkeypatch.setattr(events, "record", record_and_lose_the_server)
    answer = client.post_json("/api/messages", {"source": "x"}, headers=headers)
    assert answer.status_int == 503
    assert "may have been done" in answer.json["detail"]
    assert "Retry-After" not in answer.headers


def test_database_that_is_locked_has_changed_nothing(
    client: Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = client.join("ann")
    monkeypatch.setattr("ngw2f.store.database.LOCK_TIMEOUT_SECONDS", 0)
    with sqlite3.connect(service.services.core.settings.data_path / "chat.sqlite3") as other:
        other.execute("BEGIN IMMEDIATE")
        answer = client.post_json("/api/messages", {"source": "x"}, headers=headers)
    other.close()
    assert answer.status_int == 503
    assert "nothing was changed" in answer.json["detail"]
    assert answer.headers["Retry-After"]


def test_what_is_stored_is_said_to_be_though_a_read_fails(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = client.join("ann")

    def fail(*_arguments: object) -> None:
        raise OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr("ngw2f.store.messages.reload_message", fail)
    body, prefer = {"source": "x"}, {"Prefer": "wait=5"}
    assert client.post_json("/api/messages", body, headers=headers | prefer).status_int == 201


@pytest.mark.parametrize("action", ["edit", "delete"])
def test_page_reads_before_it_changes(
    client: Client, service: Service, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    client.sign_in("ann")
    client.post("/rooms/lobby", {"source": "x"}, headers=BROWSER)
    writing = service.services.core.database.writing

    @contextmanager
    def writing_for_the_last_time() -> Iterator[Connection]:
        with writing() as connection:
            yield connection
        monkeypatch.setattr(type(service.services.core.database), "reading", None)

    monkeypatch.setattr(service.services.core.database, "writing", writing_for_the_last_time)
    answer = client.post(f"/messages/1/{action}", {"source": "y"}, headers=BROWSER)
    assert answer.status_int == 303

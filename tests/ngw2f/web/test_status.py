import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from ngw2f.jobs.context import JobContext
from ngw2f.jobs.heartbeat import Heartbeats, HeartbeatThread
from ngw2f.jobs.wakeup import QUEUES
from ngw2f.server.service import Service
from ngw2f.store.database import Database
from tests.client import BROWSER, Client
from tests.ngw2f.web.browsing import page, texts


def test_alive(client: Client) -> None:
    answer = client.get("/healthz", status=200)
    assert (answer.text, answer.headers["Cache-Control"]) == ("ok\n", "no-store")


def test_ready(client: Client, job_context: JobContext) -> None:
    beat = HeartbeatThread(Heartbeats(job_context.core.broker), QUEUES)
    beat.start()
    answer = client.get("/readyz", status=200)
    assert answer.json == dict.fromkeys(("status", "database", "broker", "workers"), "ok")
    beat.stop()


def test_without_worker(client: Client) -> None:
    answer = client.get("/readyz", status=503)
    assert answer.json["workers"] == "there is no worker for render and links"
    assert (answer.json["status"], answer.json["broker"]) == ("unavailable", "ok")


def test_without_broker(build: Callable[..., Service], tmp_path: Path) -> None:
    answer = Client(build(redis_url=f"unix://{tmp_path}/none.sock")).get("/readyz", status=503)
    assert answer.json["database"] == "ok"
    assert "none.sock" in answer.json["broker"]


def test_without_database(
    client: Client, service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    missing = Database(f"sqlite:///{tmp_path}/missing/chat.sqlite3")
    monkeypatch.setattr(service.services.core.database, "ping", missing.ping)
    assert "unable to open" in client.get("/readyz", status=503).json["database"]
    missing.close()


def test_stats_over_instances(
    build: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in two worker processes: what both counted is what either tells."""
    services = [build(), build()]
    now = time.time()
    for service in services:
        monkeypatch.setattr("ngw2f.observe.meter.time", SimpleNamespace(time=lambda: now - 5))
        for _ in range(30):
            service.services.meter.count()
        service.services.meter.flush()
    # However long it takes to ask.
    monkeypatch.setattr("ngw2f.observe.meter.time", SimpleNamespace(time=lambda: now))
    told = [Client(service).get("/stats", status=200).json for service in services]
    assert told == [{"requests_per_second": pytest.approx(4)}] * 2


def test_unreachable_names_no_password(build: Callable[..., Service]) -> None:
    url = "redis://chat:hush@127.0.0.1:1/0"
    assert "hush" not in Client(build(redis_url=url)).get("/readyz", status=503).text


def test_page_says_what_its_pictures_show(client: Client, service: Service) -> None:
    service.services.history.note_queue(3)
    answer = page(client, "/stats")
    pictures = answer.html.select("svg[role=img]")
    assert len(pictures) == 5
    for picture in pictures:
        (words,) = answer.html.select("#" + picture["aria-describedby"])
        assert words.get_text()
        assert not picture.select("[style]")
    assert texts(answer, ".empty") == ["Nobody has written anything yet."]


def test_nobody_sees_who_writes_in_a_private_room(client: Client) -> None:
    ann, bob = client.join("ann"), client.join("bob")
    client.post_json("/api/rooms", {"name": "den", "private": True}, headers=ann, status=201)
    for path in ["/api/messages", *["/api/rooms/2/messages"] * 2]:
        client.say(ann, "hello", path)
    client.say(bob, "hello")
    client.say(bob, "again")

    def shares(headers: dict[str, str]) -> list[tuple[str, int, list[tuple[str, int]]]]:
        found = client.get("/api/stats", headers=headers, status=200).json
        return [
            (
                each["room"]["name"],
                each["messages"],
                [(author["nickname"], author["messages"]) for author in each["authors"]],
            )
            for each in found["rooms"]
        ]

    lobby = ("lobby", 3, [("bob", 2), ("ann", 1)])
    assert shares(ann) == [lobby, ("den", 2, [("ann", 2)])]
    assert shares(bob) == shares({}) == [lobby]
    assert texts(page(client, "/stats"), "tbody th") == ["#\N{NO-BREAK SPACE}lobby"]


def test_direct_messages_are_called_as_everywhere(client: Client) -> None:
    ann = client.join("ann")
    client.join("bob")
    room = client.post_json("/api/direct", {"user_ids": [2]}, headers=ann, status=201).json
    client.say(ann, "hello", room["_links"]["messages"])
    shares = client.get("/api/stats", headers=ann, status=200).json["rooms"]
    assert [share["room"]["name"] for share in shares] == ["bob"]


def test_stats_are_for_readers(build: Callable[..., Service]) -> None:
    client = Client(build(anonymous_read=False))
    assert client.get("/stats", headers=BROWSER).status_int == 401
    assert client.get("/api/stats").status_int == 401
    assert client.get("/stats").status_int == 200

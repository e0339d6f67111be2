import time
from types import SimpleNamespace

import pytest

from ngw2f.jobs.heartbeat import Heartbeats, HeartbeatThread
from ngw2f.jobs.wakeup import QUEUES
from ngw2f.store.database import Database
from tests.client import Client


def test_alive(client):
    answer = client.get("/healthz", status=200)
    assert (answer.text, answer.headers["Cache-Control"]) == ("ok\n", "no-store")


def test_ready(client, job_context):
    beat = HeartbeatThread(Heartbeats(job_context.core.broker), QUEUES)
    beat.start()
    answer = client.get("/readyz", status=200)
    assert answer.json == dict.fromkeys(("status", "database", "broker", "workers"), "ok")
    beat.stop()


def test_without_worker(client):
    answer = client.get("/readyz", status=503)
    assert answer.json["workers"] == "no worker is there for render and links"
    assert (answer.json["status"], answer.json["broker"]) == ("unavailable", "ok")


def test_without_broker(build, tmp_path):
    answer = Client(build(redis_url=f"unix://{tmp_path}/none.sock")).get("/readyz", status=503)
    assert answer.json["database"] == "ok"
    assert "none.sock" in answer.json["broker"]


def test_without_database(client, service, monkeypatch, tmp_path):
    missing = Database(f"sqlite:///{tmp_path}/missing/chat.sqlite3")
    monkeypatch.setattr(service.services.core.database, "ping", missing.ping)
    assert "unable to open" in client.get("/readyz", status=503).json["database"]
    missing.close()


def test_stats_over_instances(build, monkeypatch):
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


def test_unreachable_names_no_password(build):
    url = "redis://chat:hush@127.0.0.1:1/0"
    assert "hush" not in Client(build(redis_url=url)).get("/readyz", status=503).text

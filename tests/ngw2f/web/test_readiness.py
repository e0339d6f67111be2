"""What /readyz says of the parts, and to whom."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ngw2f.jobs import heartbeat
from ngw2f.jobs.heartbeat import Heartbeats
from ngw2f.server.service import Service
from tests.client import Client

TOKEN = "sixteen-characters-and-more"
STRANGER = {"REMOTE_ADDR": "192.0.2.7"}


@pytest.fixture
def attend(service: Service, monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    # However long it takes to ask.
    monkeypatch.setattr(heartbeat, "ABSENT_SECONDS", 600)
    return lambda *queues: Heartbeats(service.services.core.broker).note(queues, "one")


def test_no_worker(client: Client) -> None:
    answer = client.get("/readyz")
    assert answer.status_int == 503
    assert answer.json["workers"] == "there is no worker for render and links"


def test_one_queue_without_worker(client: Client, attend: Callable[..., object]) -> None:
    attend("render")
    assert client.get("/readyz").json["workers"] == "there is no worker for links"


def test_all_are_there(client: Client, attend: Callable[..., object]) -> None:
    attend("render", "links")
    answer = client.get("/readyz")
    assert answer.status_int == 200
    assert answer.json["workers"] == "ok"


def test_strangers_are_told_no_reason(build: Callable[..., Service], tmp_path: Path) -> None:
    client = Client(build(redis_url=f"unix://{tmp_path}/none.sock"))
    told = client.get("/readyz", status=503, extra_environ=STRANGER).json
    parts = {"database": "ok", "broker": "unavailable", "workers": "unavailable"}
    assert told == {"status": "unavailable", **parts}
    assert str(tmp_path) in client.get("/readyz", status=503).json["broker"]


def test_client_of_an_unknown_proxy_is_a_stranger(client: Client) -> None:
    told = client.get("/readyz", headers={"X-Forwarded-For": "127.0.0.1"}, status=503).json
    assert told["workers"] == "unavailable"


def test_who_bears_the_token_is_told(build: Callable[..., Service]) -> None:
    client = Client(build(metrics_token=TOKEN))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    told = client.get("/readyz", headers=headers, extra_environ=STRANGER).json
    assert told["workers"] == "there is no worker for render and links"
    assert client.get("/readyz").json["workers"] == "unavailable"

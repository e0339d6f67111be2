import fcntl
import platform
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from ngw2f import __version__
from ngw2f.commands import cli
from ngw2f.jobs.context import JobContext
from ngw2f.jobs.heartbeat import Heartbeats
from ngw2f.jobs.wakeup import LINKS
from ngw2f.server.service import Service
from ngw2f.settings import Settings
from ngw2f.store.database import Database
from ngw2f.web.services import build_services
from tests.client import Client

TOKEN = "sixteen-characters-and-more"


def parsed(text: str) -> dict[tuple[str, ...], float]:
    """Return what Prometheus would understand, by name and labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_queues(client: Client, job_context: JobContext) -> None:
    ann = client.join("ann")
    client.say(ann, "a")
    client.say(ann, "b")
    Heartbeats(job_context.core.broker).note([LINKS.queue], "one")
    answer = client.get("/metrics", status=200)
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    found = parsed(answer.text)
    assert found["ngw2f_queue_waiting", "render"] == 2
    assert found["ngw2f_queue_oldest_wait_seconds", "render"] >= 0
    assert found["ngw2f_queue_failed_jobs", "render"] == 0
    assert (found["ngw2f_queue_workers", "render"], found["ngw2f_queue_workers", "links"]) == (0, 1)
    assert found["ngw2f_database_up",] == 1
    assert found["ngw2f_build_info", platform.python_version(), __version__] == 1


def test_broker(client: Client, redis: Redis) -> None:
    redis.config_set("maxmemory", 123_456_789)
    found = parsed(client.get("/metrics").text)
    assert found["ngw2f_broker_up",] == 1
    assert 0 < found["ngw2f_broker_memory_bytes",] < 123_456_789
    assert found["ngw2f_broker_memory_limit_bytes",] == 123_456_789
    assert found["ngw2f_broker_clients",] >= 1
    assert found["ngw2f_broker_writes_to_disk",] == 1
    assert found["ngw2f_broker_answer_seconds",] > 0
    redis.config_set("maxmemory", 0)


@pytest.mark.parametrize("field", ["rdb_last_bgsave_status", "aof_last_write_status"])
def test_broker_whose_disk_is_full(
    client: Client, monkeypatch: pytest.MonkeyPatch, field: str
) -> None:
    info = Redis.info

    def of_full_disk(redis: Redis, *sections: str) -> dict[str, int | str]:
        return info(redis, *sections) | {field: "err"}

    monkeypatch.setattr(Redis, "info", of_full_disk)
    assert parsed(client.get("/metrics").text)["ngw2f_broker_writes_to_disk",] == 0


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("127.0.0.1", 200),
        ("127.8.0.1", 200),
        ("::1", 200),
        ("::ffff:127.0.0.1", 200),
        ("", 200),  # A Unix socket.
        ("192.0.2.7", 403),
        ("::ffff:192.0.2.7", 403),
        ("2001:db8::1", 403),
        ("unknown", 403),
    ],
)
def test_this_machine_alone(client: Client, address: str, status: int) -> None:
    answer = client.get("/metrics", extra_environ={"REMOTE_ADDR": address})
    assert answer.status_int == status
    assert ("ngw2f_queue_waiting" in answer.text) == (status == 200)


def test_client_behind_a_proxy_is_not_this_machine(build: Callable[..., Service]) -> None:
    client = Client(build(trusted_proxies=1))
    local = {"REMOTE_ADDR": "127.0.0.1"}
    headers = {"X-Forwarded-For": "192.0.2.7"}
    assert client.get("/metrics", headers=headers, extra_environ=local).status_int == 403
    # Of several addresses the last is the one that our proxy saw.
    headers = {"X-Forwarded-For": "127.0.0.1, 192.0.2.7"}
    assert client.get("/metrics", headers=headers, extra_environ=local).status_int == 403


@pytest.mark.parametrize(
    "name",
    ["Forwarded", "Via", "X-Real-IP", "CF-Connecting-IP", "Forwarded-For", "X-ProxyUser-Ip"]
    + ["X-Envoy-External-Address", "X-Azure-ClientIP", "CDN-Loop", "X-Unheard-Of"]
    + [f"X-Forwarded-{end}" for end in ("For", "Host", "Port", "Proto", "Whatever")],
)
@pytest.mark.parametrize("address", ["127.0.0.1", ""], ids=["loopback", "socket"])
def test_client_of_an_unknown_proxy_is_not_this_machine(
    client: Client, name: str, address: str
) -> None:
    environ = {"REMOTE_ADDR": address}
    client.get("/metrics", headers={name: "127.0.0.1"}, extra_environ=environ, status=403)


@pytest.mark.parametrize(
    ("forwarded", "status"),
    [
        ("127.0.0.1", 200),
        ("192.0.2.7, 127.0.0.1", 200),
        ("[::1]:443", 200),
        ("unknown", 403),
        ("_hidden", 403),
        ("", 403),
        ("127.0.0.1.example", 403),
    ],
)
def test_what_the_proxy_says_must_be_an_address_of_this_machine(
    build: Callable[..., Service], forwarded: str, status: int
) -> None:
    client = Client(build(trusted_proxies=1))
    environ = {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": forwarded}
    assert client.get("/metrics", extra_environ=environ).status_int == status


def test_fewer_proxies_than_are_trusted(build: Callable[..., Service]) -> None:
    client = Client(build(trusted_proxies=2))
    for headers in ({"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}):
        client.get("/metrics", headers=headers, status=403)
    client.get("/metrics", status=200)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": f"Bearer {TOKEN}"}, 200),
        ({"Authorization": f"Bearer {TOKEN}x"}, 403),
        ({"Authorization": "Bearer ä"}, 403),
        ({"Authorization": f"Basic {TOKEN}"}, 403),
        ({}, 403),
    ],
)
@pytest.mark.parametrize("address", ["127.0.0.1", "192.0.2.7"])
def test_token_where_one_is_set(
    build: Callable[..., Service], address: str, headers: dict[str, str], status: int
) -> None:
    client = Client(build(metrics_token=TOKEN))
    answer = client.get("/metrics", headers=headers, extra_environ={"REMOTE_ADDR": address})
    assert answer.status_int == status


def test_redis_that_is_away(build: Callable[..., Service], tmp_path: Path) -> None:
    client = Client(build(redis_url=f"unix://{tmp_path}/none.sock"))
    found = parsed(client.get("/metrics", status=200).text)
    assert found["ngw2f_queue_waiting", "render"] == 0
    assert ("ngw2f_queue_workers", "render") not in found


def test_database_that_is_away(
    client: Client, service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    missing = Database(f"sqlite:///{tmp_path}/missing/chat.sqlite3")
    monkeypatch.setattr(service.services.core.database, "reading", missing.reading)
    found = parsed(client.get("/metrics", status=200).text)
    assert found["ngw2f_database_up",] == 0
    missing.close()


def test_nobody_waits_with_the_lock(
    client: Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise two requests at once would wait for each other, and the worker with them."""
    taken = []

    def read(*_: object) -> list[object]:
        with (service.services.core.settings.metrics_path / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            taken.append(True)
        return []

    service.services.core.recorder.start()
    monkeypatch.setattr("ngw2f.jobs.gauges.read_gauges", read)
    found = parsed(client.get("/metrics", status=200).text)
    assert taken == [True]
    assert found["ngw2f_database_up",] == 0


def test_printed_by_the_command(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a machine that has workers alone, nobody serves /metrics."""
    monkeypatch.setattr(cli, "load_settings", lambda: settings)
    services = build_services(settings)
    services.core.recorder.start()
    cli.main(["metrics"])
    services.close()
    assert parsed(capsys.readouterr().out)["ngw2f_queue_waiting", "links"] == 0

"""Redis 7 and Valkey, with a password and by TLS."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as RedisConnectionError

from examples.transcript.machine import free_port
from nginx.certificate import make_certificate
from ngw2f.broker.connection import Broker
from ngw2f.settings import Settings
from tests.deploy.chats import join
from tests.deploy.fleet import running_fleet
from tests.redis_servers import find_program, running_redis
from tests.waiting import wait_until

PASSWORD = "open sesame/@:"
QUOTED = "open%20sesame%2F%40%3A"


# The wheel's Valkey is built without TLS.
@pytest.fixture(params=["redis password", "redis tls", "valkey password"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the URL of a running server."""
    name, kind = request.param.split()
    port = free_port()
    url = f"redis://:{QUOTED}@127.0.0.1:{port}/1"
    options: dict[str, int | str] = {"port": port}
    if kind == "tls":
        url, options = tls(tmp_path, port)
    with running_redis(find_program(name), tmp_path, url, requirepass=PASSWORD, **options):
        yield url


def tls(directory: Path, port: int) -> tuple[str, dict[str, int | str]]:
    certificate, key = make_certificate(directory / "tls")
    url = f"rediss://:{QUOTED}@localhost:{port}/0?ssl_ca_certs={certificate}"
    files = {"tls_cert_file": certificate, "tls_key_file": key, "tls_ca_cert_file": certificate}
    texts = {name: str(path) for name, path in files.items()}
    return url, {"port": 0, "tls_port": port, "tls_auth_clients": "no", **texts}


@pytest.fixture
def open_broker() -> Iterator[Callable[[str], Broker]]:
    brokers = []

    def open_one(url: str) -> Broker:
        # A busy machine may need more for a handshake than a request may wait.
        brokers.append(Broker(Settings(redis_url=url, redis_timeout_seconds=60)))
        return brokers[-1]

    yield open_one
    for broker in brokers:
        broker.close()


def test_server_takes_and_gives(server: str, open_broker: Callable[[str], Broker]) -> None:
    broker = open_broker(server)
    broker.redis.xadd(broker.key("events"), {"e": "x"})
    found: Any = broker.redis.xread({broker.key("events"): "0"}, block=1000)
    ((_key, entries),) = found
    assert [fields for _id, fields in entries] == [{b"e": b"x"}]


def test_wrong_password_is_refused(server: str, open_broker: Callable[[str], Broker]) -> None:
    with pytest.raises(AuthenticationError):
        open_broker(server.replace(QUOTED, "wrong")).redis.ping()


@pytest.mark.parametrize("server", ["redis tls"], indirect=True)
def test_unknown_certificate_is_refused(server: str, open_broker: Callable[[str], Broker]) -> None:
    with pytest.raises(RedisConnectionError, match="certificate"):
        open_broker(server.partition("?")[0]).redis.ping()


@pytest.mark.parametrize("server", ["redis tls"], indirect=True)
def test_chat_by_tls(server: str, tmp_path: Path) -> None:
    """Web processes and workers: a message goes through the stream, and comes back rendered."""
    with running_fleet(tmp_path, "", server, instances=1) as fleet:
        headers = join(fleet.client, "ann")
        cursor = fleet.client.ask("/api/events").json["next"]
        fleet.client.ask("/api/messages", "POST", b'{"source": "*a*"}', headers)
        wait_until(lambda: [m["html"] for m in fleet.messages()] == ["<p><em>a</em></p>"])

        def events() -> set[str]:
            told = fleet.client.ask(f"/api/events?after={cursor}").json["events"]
            return {event["event"] for event in told}

        # The worker stores first, and tells then.
        wait_until(lambda: {"message.created", "message.updated"} <= events())

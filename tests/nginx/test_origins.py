"""Pages of other origins, through nginx: preflights, its cache, its own errors, and tickets."""

import json
from collections.abc import Iterator

import pytest

from tests.live.server import ChatServer
from tests.nginx.running import Answer, Client, make_front, running
from tests.waiting import wait_until

FRIEND = "https://app.example.org"
OTHER_FRIEND = "http://localhost:3000"
STRANGER = "https://evil.example"
ALLOW = "Access-Control-Allow-Origin"
# Stored by nginx, for everybody.
KEPT = "/api/openapi.json"


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    server = ChatServer(
        tmp_path_factory.mktemp("chat"),
        NGW2F_TRUSTED_ORIGINS=f"{FRIEND},{OTHER_FRIEND}",
        NGW2F_TRUSTED_PROXIES="1",
    )
    server.start(queues="")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def front(chat: ChatServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    front = make_front(
        tmp_path_factory.mktemp("front"),
        [f"127.0.0.1:{chat.port}"],
        trusted_origins=[FRIEND, OTHER_FRIEND],
    )
    with running(front) as client:
        yield client


def ask(front: Client, origin: str | None, target: str = KEPT, method: str = "GET") -> Answer:
    headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"} if origin else {}
    if method == "OPTIONS":
        headers["Access-Control-Request-Method"] = "POST"
    return front.ask(target, method, headers=headers)


@pytest.mark.parametrize(
    ("origin", "allowed"), [(FRIEND, FRIEND), (OTHER_FRIEND, OTHER_FRIEND), (STRANGER, None)]
)
def test_preflight(front: Client, origin: str, allowed: str | None) -> None:
    answer = ask(front, origin, "/api/messages", "OPTIONS")
    assert answer.status == 204
    assert answer.headers[ALLOW] == allowed
    assert (answer.headers["Access-Control-Max-Age"] is None) == (allowed is None)


def test_what_nginx_keeps_is_for_one_origin(front: Client) -> None:
    asked = [None, FRIEND, STRANGER, OTHER_FRIEND] * 2
    allowed = [ask(front, origin).headers[ALLOW] for origin in asked]
    assert allowed == [None, FRIEND, None, OTHER_FRIEND] * 2


def test_ticket_opens_a_stream_and_is_not_in_the_log(front: Client, chat: ChatServer) -> None:
    token = chat.register("ann")
    headers = {"Origin": FRIEND, "Authorization": f"Bearer {token}"}
    ticket = front.ask("/api/tickets", "POST", b"", headers).json["ticket"]
    path = f"/events?ticket={ticket}"
    with front.open(path, headers={"Origin": FRIEND, "Accept": "text/event-stream"}) as stream:
        assert (stream.status, stream.headers[ALLOW]) == (200, FRIEND)
    assert ask(front, FRIEND, path).status == 401
    assert ticket not in wait_until(lambda: _log_with(front, "/events", 401))


def _log_with(front: Client, path: str, status: int) -> str:
    """Return nginx's log, once it has the line of that request."""
    log = (front.front.run / front.front.access_log).read_text()
    found = [json.loads(line) for line in log.splitlines(keepends=True) if line.endswith("\n")]
    is_there = any((each["path"], each["status"]) == (path, status) for each in found)
    return log if is_there else ""


@pytest.mark.parametrize(("origin", "allowed"), [(FRIEND, FRIEND), (STRANGER, None), (None, None)])
def test_errors_of_nginx_can_be_read(
    front: Client, origin: str | None, allowed: str | None
) -> None:
    headers = {"Origin": origin} if origin else {}
    answer = front.ask("/api/messages", "POST", b"x" * 300_000, headers)
    assert (answer.status, answer.headers[ALLOW]) == (413, allowed)
    assert answer.headers["Content-Type"].startswith("application/problem+json")

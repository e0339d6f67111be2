"""With two worker processes: what one has stored, the other does not hide behind an old answer."""

import json
import threading
import time
from collections.abc import Iterator

import pytest
import requests

from tests.server.server import Server, run_server

# What the design allows a cached list to be behind the event stream.
MAX_LAG_SECONDS = 0.1


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with run_server(tmp_path_factory.mktemp("cache") / "var", "--workers=2") as server:
        yield server


def fresh(server: Server, path: str, headers: dict[str, str] | None = None) -> requests.Response:
    """Ask over a connection of its own, so that either worker may answer."""
    return requests.get(server.address + path, headers=headers, timeout=60)


def test_writer_reads_what_it_wrote(server: Server) -> None:
    headers = server.join("ann")
    for number in range(30):
        for _ in range(3):
            fresh(server, "/api/messages?limit=200")
        posted = server.post("/api/messages", json={"source": str(number)}, headers=headers)
        seen = fresh(server, "/api/messages?limit=200", headers if number % 2 else None).json()
        assert seen["messages"][-1]["id"] == posted.json()["id"]


def test_both_workers_answer_from_what_they_keep(server: Server) -> None:
    server.join("bob")
    # What is still rendered makes kept answers stale.
    server.wait_until_rendered()
    fates = [fresh(server, "/api/messages").headers["Cache-Status"] for _ in range(40)]
    assert sum("hit" in fate for fate in fates) >= 30


def test_list_is_not_behind_the_stream(server: Server) -> None:
    headers = server.join("carl")
    # What others have posted may be told of only now.
    before = max(server.wait_until_rendered(), default=0)
    told = {}
    listening = threading.Event()

    def listen() -> None:
        with requests.get(
            server.address + "/events",
            headers={"Accept": "application/x-ndjson"},
            stream=True,
            timeout=60,
        ) as stream:
            listening.set()
            for line in stream.iter_lines(chunk_size=1):
                event = json.loads(line) if line.strip() else {}
                if event.get("event") == "message.updated" and event["data"]["id"] > before:
                    told[time.monotonic()] = line
                if len(told) == 20:
                    return

    listener = threading.Thread(target=listen)
    listener.start()
    assert listening.wait(60)
    stale = set()
    for number in range(20):
        posted = server.post(
            "/api/messages", json={"source": f"*{number}*"}, headers=headers
        ).json()
        while len(told) <= number:
            assert listener.is_alive() or len(told) > number
            fresh(server, "/api/messages")
        time.sleep(max(0, max(told) + MAX_LAG_SECONDS - time.monotonic()))
        # Each by either worker.
        for _ in range(6):
            messages = fresh(server, "/api/messages").json()["messages"]
            if not any(each["id"] == posted["id"] and each["rendered"] for each in messages):
                stale.add(number)
    listener.join(60)
    # A worker that did not run for a moment is behind once or twice.
    assert len(stale) < 5


def test_revoked_token_is_refused_although_its_answer_is_kept(server: Server) -> None:
    headers = server.join("dora")
    for _ in range(20):
        assert fresh(server, "/api/messages", headers).status_code == 200
    assert (
        requests.delete(server.address + "/api/tokens", headers=headers, timeout=60).status_code
        == 204
    )
    for _ in range(20):
        assert fresh(server, "/api/messages", headers).status_code == 401

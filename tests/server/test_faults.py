"""Nothing that was answered 201 or 202 is lost, whatever is killed; and nobody waits long."""

import itertools
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Self

import pytest
import requests

from tests.server.server import Server, run_server
from tests.waiting import HANGING_SECONDS, wait_until

CLIENTS = 4
# Messages in a second: clients that never pause leave no processor to what starts again.
RATE = 40
# What is posted to one server is numbered through, whichever test posts it.
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a server for the tests after which all of its parts are there again."""
    with run_server(tmp_path_factory.mktemp("faults") / "var", "--workers=2") as server:
        yield server


class Load:
    """Clients that post, one message after another, until they are told to stop.

    What is answered 201 or 202 is kept by its source; errors are expected while
    something is down.
    """

    def __init__(self, server: Server, headers: dict[str, str], rate: float = 0.0) -> None:
        self.server, self.headers, self.pause = server, headers, CLIENTS / rate if rate else 0
        self.stored: set[str] = set()
        self.errors = 0
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._post, args=[n]) for n in range(CLIENTS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(HANGING_SECONDS)
            assert not thread.is_alive()

    def _post(self, client: int) -> None:
        prefer = {"Prefer": "respond-async"} if client % 2 else {}
        with requests.Session() as session:
            session.trust_env = False
            session.headers.update(self.headers | prefer)
            due = time.monotonic()
            while not self._ended.is_set():
                self._post_one(session, f"*{client}* {next(numbers)}")
                due += self.pause
                time.sleep(max(0, due - time.monotonic()))

    def _post_one(self, session: requests.Session, source: str) -> None:
        url = f"{self.server.address}/api/messages"
        try:
            answer = session.post(url, json={"source": source}, timeout=HANGING_SECONDS)
        except requests.RequestException:
            self.errors += 1
            time.sleep(0.05)
            return
        if answer.status_code in {201, 202}:
            self.stored.add(source)
        else:
            self.errors += 1

    def wait_for(self, count: int) -> None:
        """Wait until so many more messages are stored."""
        goal = len(self.stored) + count
        wait_until(lambda: len(self.stored) >= goal)


def assert_all_there(server: Server, load: Load) -> None:
    messages = server.wait_until_rendered()
    sources = {message["source"] for message in messages.values()}
    assert load.stored <= sources
    for message in messages.values():
        client, number = message["source"].split()
        assert message["html"] == f"<p><em>{client.strip('*')}</em> {number}</p>"


@pytest.mark.parametrize("part", ["rq_worker", "valkey", "web_worker", "supervisor"])
def test_part_is_killed(server: Server, part: str) -> None:

    def find() -> int:
        return min(server.web_workers()) if part == "web_worker" else int(getattr(server, part))

    with Load(server, server.join(part), RATE) as load:
        load.wait_for(25)
        killed = find()
        os.kill(killed, signal.SIGKILL)
        load.wait_for(50)
        wait_until(lambda: server.get("/readyz").status_code == 200)
        load.wait_for(25)
    assert killed not in server.processes()
    assert_all_there(server, load)


def test_master_is_killed(start: Callable[..., Server]) -> None:
    server = start("--workers=2")
    with Load(server, server.join("ann"), RATE) as load:
        load.wait_for(100)
        server.master.kill()
        server.master.wait()
    wait_until(lambda: not server.processes())
    assert_all_there(start(), load)


def test_retiring_workers_keep_nobody_waiting(start: Callable[..., Server]) -> None:
    server = start(WORKER_MAX_JOBS=8)
    first = server.rq_worker
    # A lost wake-up would wait for the sweep.
    with server.without_sweeps():
        with Load(server, server.join("ann"), RATE) as load:
            # It ends with its eighth job; a look at all processes takes as long as some posts.
            wait_until(lambda: not os.path.exists(f"/proc/{first}"))
            load.wait_for(120)
        assert load.errors == 0
        assert_all_there(server, load)


def test_each_message_is_rendered_without_a_sweep(server: Server) -> None:
    carl, newest = server.join("carl"), "/api/messages?limit=1"
    with server.without_sweeps():
        for _ in range(20):
            server.post("/api/messages", json={"source": f"*0* {next(numbers)}"}, headers=carl)
            wait_until(lambda: server.get(newest).json()["messages"][0]["rendered"])


def test_burst_is_all_stored_and_rendered(server: Server) -> None:
    # None is left to the sweep.
    with server.without_sweeps():
        with Load(server, server.join("bob")) as load:
            load.wait_for(200)
        assert load.errors == 0
        assert_all_there(server, load)

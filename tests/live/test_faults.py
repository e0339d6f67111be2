"""Every client sees every message, once, in order, whatever is restarted, killed or cut off."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from ngw2f.settings import Settings
from tests.live.listeners import ALL
from tests.live.proxy import CuttingProxy
from tests.live.server import ChatServer
from tests.waiting import HANGING_SECONDS

# They are posted for as long as the server is hurt.
MESSAGES = 160
MESSAGES_A_SECOND = 5
CUT_SECONDS = (1.0, 6.0)
# What comes last has so long to reach everybody.
SETTLE_SECONDS = HANGING_SECONDS
CLIENTS = Path(__file__).parent / "clients" / "listen.cjs"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ChatServer]:
    # With the chat's own time-out: whoever posts does not wait for a Redis that hangs.
    timeout = str(Settings().redis_timeout_seconds)
    server = ChatServer(tmp_path, NGW2F_REDIS_TIMEOUT_SECONDS=timeout)
    server.start()
    yield server
    server.stop()


class NodeClients:
    """The official clients of Node, all in one process."""

    def __init__(self, node_modules: Path, port: int, cursor: str) -> None:
        self._process = subprocess.Popen(
            ["node", str(CLIENTS), str(port), cursor],
            env={**os.environ, "NODE_PATH": str(node_modules)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def finish(self, count: int) -> dict[str, list[int]]:
        """Return what each has seen, a moment after all have seen *count*, or when it is late."""
        told = f"{count} {SETTLE_SECONDS}".encode()
        output, _ = self._process.communicate(told, timeout=SETTLE_SECONDS + 20)
        seen: dict[str, list[int]] = json.loads(output)
        return seen


def post_messages(server: ChatServer, token: str) -> None:
    """Post as evenly as the server allows; what was not answered may be stored or not."""
    start = time.monotonic()
    for number in range(MESSAGES):
        while True:
            try:
                source = {"source": f"message {number}"}
                if server.call("POST", "/api/messages", token, json=source).status_code == 201:
                    break
            except requests.RequestException:
                pass
            time.sleep(0.1)
        time.sleep(max(0.0, start + (number + 1) / MESSAGES_A_SECOND - time.monotonic()))


def hurt(server: ChatServer) -> None:
    """Restart, kill, stop: half a minute of it."""
    for second in range(30):
        if second % 5 == 4:
            server.kill_worker()
        if second == 2:
            server.reload()
        if second == 7:
            server.redis.signal(signal.SIGSTOP)
        if second == 17:
            server.redis.signal(signal.SIGCONT)
        if second == 22:
            server.redis.stop()
        if second == 24:
            server.redis.start()
        time.sleep(1)


def stored_ids(server: ChatServer) -> list[int]:
    ids: list[int] = []
    while True:
        path = f"/api/messages?limit=200&after={ids[-1] if ids else 0}"
        page = server.call("GET", path).json()["messages"]
        ids += [message["id"] for message in page]
        if len(page) < 200:
            return ids


def test_nobody_misses_anything(server: ChatServer, node_modules: Path) -> None:
    token = server.register("ann")
    cursor = server.call("GET", "/api/events").json()["next"]
    proxy = CuttingProxy(server.port, CUT_SECONDS)
    proxy.start()
    listeners = [kind(proxy.port, cursor) for kind in ALL]
    for listener in listeners:
        listener.start()
    node = NodeClients(node_modules, proxy.port, cursor)
    hurting = threading.Thread(target=hurt, args=[server])
    hurting.start()
    post_messages(server, token)
    hurting.join()
    proxy.is_cutting = False
    expected = stored_ids(server)
    deadline = time.monotonic() + SETTLE_SECONDS
    while any(len(each.seen) < len(expected) for each in listeners):
        if time.monotonic() > deadline:
            break
        time.sleep(0.2)
    seen = node.finish(len(expected)) | {type(each).__name__: each.seen for each in listeners}
    for listener in listeners:
        listener.is_stopping = True
    proxy.stop()
    for listener in listeners:
        listener.join(60)
    assert len(expected) >= MESSAGES
    assert proxy.cuts > 30
    wrong = {name: describe(ids, expected) for name, ids in seen.items() if ids != expected}
    assert not wrong


def describe(ids: list[int], expected: list[int]) -> str:
    missing = sorted(set(expected) - set(ids))
    twice = sorted({each for each in ids if ids.count(each) > 1})
    counts = f"{len(ids)} of {len(expected)}, missing {missing[:10]}, twice {twice[:10]}"
    return f"{counts}, {'in order' if ids == sorted(ids) else 'out of order'}"

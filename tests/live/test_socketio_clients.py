"""Clients as people use them; the official one, while its connection breaks in every way."""

import json
import os
import random
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
import socketio

from tests.live.server import ChatServer
from tests.needs import lacking
from tests.waiting import HANGING_SECONDS, wait_until

SCRIPTS = Path(__file__).parent / "clients"
WORKERS = 2
SOURCES = [f"broken {number}" for number in range(60)]
BREAK_EVERY = 10
TRANSPORTS = ["polling,websocket", "polling", "websocket"]
VERSION_3 = "version 3"


class Listener:
    """A client in Node, and the lines that it has written."""

    def __init__(
        self, script: str, chat: ChatServer, token: str, transports: str, modules: Path, *after: str
    ) -> None:
        node = shutil.which("node") or lacking("node", "apt-get install nodejs")
        command = [node, str(SCRIPTS / script), chat.url, token, transports, *after]
        environ = {**os.environ, "NODE_PATH": str(modules)}
        self._process = subprocess.Popen(
            command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.lines: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(json.loads(line))

    def sources(self, start: str) -> list[str]:
        """Return the messages that start so: what was said before it came may be told first."""
        sources = [line["source"] for line in self.lines if "source" in line]
        return [source for source in sources if source.startswith(start)]

    def connections(self) -> list[dict[str, Any]]:
        return [line for line in self.lines if "recovered" in line]

    def close_engine(self) -> None:
        """Break the connection, and wait for the next one."""
        count = len(self.connections())
        assert self._process.stdin is not None
        self._process.stdin.write("close\n")
        self._process.stdin.flush()
        wait_until(lambda: len(self.connections()) > count)

    def stop(self) -> None:
        self._process.kill()
        self._reader.join()
        # Closes its input and output, too.
        with self._process:
            pass


def say(chat: ChatServer, token: str, source: str) -> None:
    """Post a message, as often as it takes."""
    headers = {"Idempotency-Key": f'"{source}"'}

    def is_posted() -> bool:
        try:
            answer = chat.call(
                "POST", "/api/messages", token, json={"source": source}, headers=headers
            )
        except requests.RequestException:
            return False
        assert answer.status_code in (201, 503)
        return bool(answer.status_code == 201)

    wait_until(is_posted)


def place(chat: ChatServer) -> str:
    """Return the id of an event to begin after, asked for as often as it takes."""

    def answered() -> str | None:
        with suppress(requests.RequestException):
            answer = chat.call("GET", "/api/events")
            assert answer.status_code in (200, 503)
            if answer.ok:
                return str(answer.json()["next"])
        return None

    return wait_until(answered)


def empty_redis(chat: ChatServer) -> None:
    chat.redis.stop()
    chat.redis.start()


def kill_a_worker(chat: ChatServer) -> None:
    workers = chat.web_workers()
    # One that a reload has replaced may have ended meanwhile.
    with suppress(ProcessLookupError):
        os.kill(random.Random(len(workers)).choice(workers), signal.SIGKILL)


@contextmanager
def listening(
    script: str, chat: ChatServer, token: str, transports: str, modules: Path, *after: str
) -> Iterator[Listener]:
    listener = Listener(script, chat, token, transports, modules, *after)
    try:
        wait_until(listener.connections)
        yield listener
    finally:
        listener.stop()


def break_and_say(chat: ChatServer, token: str, listeners: Sequence[Listener]) -> None:
    """Post messages and meanwhile break connections in every way; wait until all were heard."""

    def close_engines() -> None:
        for listener in listeners:
            listener.close_engine()

    breaks: list[Callable[[], object]] = [
        close_engines, lambda: kill_a_worker(chat), lambda: empty_redis(chat),
        chat.reload, close_engines,
    ]  # fmt: skip
    for number, source in enumerate(SOURCES):
        say(chat, token, source)
        if number % BREAK_EVERY == BREAK_EVERY - 1 and breaks:
            breaks.pop(0)()
    for listener in listeners:
        # Whoever has missed the last one fails in its own test.
        with suppress(AssertionError):
            wait_until(partial(listener.sources, SOURCES[-1]))
    # What comes next meets no worker that ends.
    chat.wait_until_reloaded()


@pytest.fixture(scope="module")
def clients(chat: ChatServer, ann: str, node_modules: Path) -> Iterator[dict[str, Listener]]:
    """Give clients of each kind, all of which have been through the same breaks."""
    with ExitStack() as stack:

        def come(script: str, transports: str, *after: str) -> Listener:
            coming = listening(script, chat, ann, transports, node_modules, *after)
            return stack.enter_context(coming)

        found = {transports: come("recovering.cjs", transports) for transports in TRANSPORTS}
        found[VERSION_3] = come("resuming.cjs", TRANSPORTS[0], place(chat))
        break_and_say(chat, ann, list(found.values()))
        yield found


@pytest.mark.parametrize("transports", TRANSPORTS)
def test_client_misses_nothing(clients: dict[str, Listener], transports: str) -> None:
    listener = clients[transports]
    assert listener.sources("broken ") == SOURCES
    first, *others = listener.connections()
    assert not first["recovered"]
    assert len(others) >= 2
    assert all(each == {"recovered": True, "id": first["id"]} for each in others)


def test_client_of_version_3_misses_nothing(clients: dict[str, Listener]) -> None:
    """It has no recovery; in its place it sends the id of the last event that it has seen.

    So it needs one to begin with: its first connection may break before its first event.
    """
    listener = clients[VERSION_3]
    assert listener.sources("broken ") == SOURCES
    assert len(listener.connections()) >= 3


@pytest.mark.parametrize("transports", [["polling"], ["websocket"], ["polling", "websocket"]])
def test_python_client_posts_and_hears(chat: ChatServer, ann: str, transports: list[str]) -> None:
    heard: list[tuple[Any, ...]] = []
    with requests.Session() as session:
        client = socketio.Client(
            reconnection=False, http_session=session, request_timeout=HANGING_SECONDS
        )
        client.on("updated_model", lambda *values: heard.append(values))
        client.connect(
            chat.url, auth={"token": ann}, transports=transports, wait_timeout=HANGING_SECONDS
        )
        source = f"by {transports}"
        message = client.call("post_message", {"source": source}, timeout=HANGING_SECONDS)
        assert message["source"] == source
        wait_until(lambda: source in [update["model"].get("source") for update, _ in heard])
        update, offset = heard[-1]
        assert update["id"] == offset
        client.disconnect()

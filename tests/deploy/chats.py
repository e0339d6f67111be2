"""gunicorn instances of the real chat, on Unix sockets, with workers, and load on them."""

import contextlib
import http.client
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.nginx.running import Client

START_SECONDS = 30


@dataclass
class Chat:
    """One gunicorn."""

    socket: Path
    pid_file: Path
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return int(self.pid_file.read_text())


@contextlib.contextmanager
def running_chat(directory: Path, name: str, environment: Mapping[str, str]) -> Iterator[Chat]:
    socket, pid_file = directory / f"{name}.sock", directory / f"{name}.pid"
    gunicorn = str(Path(sys.executable).with_name("gunicorn"))
    command = [gunicorn, "-c", "gunicorn.conf.py", "--workers", "1"]
    command += ["--bind", f"unix:{socket}", "--pid", str(pid_file), "app:application"]
    with open(directory / f"{name}.log", "ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        _wait_for_file(socket)
        yield Chat(socket, pid_file, process)
    finally:
        # After a hot upgrade it is another process than the one that was started.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int(pid_file.read_text()), signal.SIGTERM)
        if process.wait(20) != -signal.SIGKILL:
            _wait_until_gone(pid_file)


@contextlib.contextmanager
def running_workers(environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", "ngw2f", "worker"], env=environment)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def environment(directory: Path, database_url: str, redis_url: str) -> dict[str, str]:
    settings = {
        "NGW2F_ENV": "production",
        "NGW2F_SETTINGS": str(directory),
        "NGW2F_TRUSTED_PROXIES": "1",
        "NGW2F_DATA_DIR": str(directory),
        "NGW2F_DATABASE_URL": database_url,
        "NGW2F_REDIS_URL": redis_url,
        "NGW2F_RATE_LIMIT": "false",
        "NGW2F_LOG_LEVEL": "WARNING",
    }
    return {**os.environ, **settings}


def join(client: Client, nickname: str) -> dict[str, str]:
    """Register a user; return the headers that prove to be that user."""
    body = json.dumps({"nickname": nickname, "password": "open sesame"}).encode()
    answer = client.ask("/api/users", "POST", body, {"Content-Type": "application/json"})
    assert answer.status == 201, answer.body
    basic = b64encode(f"{nickname}:open sesame".encode()).decode()
    answer = client.ask("/api/tokens", "POST", b"", {"Authorization": f"Basic {basic}"})
    return {"Authorization": f"Bearer {answer.json['token']}", "Content-Type": "application/json"}


@dataclass
class Load:
    """Posts and reads from some threads at once, and what came of them."""

    client: Client
    headers: Mapping[str, str]
    threads: int = 3
    failures: list[str] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)
    requests: int = 0
    slowest: float = 0.0

    def __enter__(self) -> "Load":
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._running = [threading.Thread(target=self._run) for _ in range(self.threads)]
        for thread in self._running:
            thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stop.set()
        for thread in self._running:
            thread.join()

    def wait_for(self, requests: int, seconds: float = 60) -> None:
        """Wait until so many more requests were answered."""
        target, deadline = self.requests + requests, time.monotonic() + seconds
        while self.requests < target and time.monotonic() < deadline:
            time.sleep(0.01)
        assert self.requests >= target, f"{self.requests} requests, {self.failures[:3]}"

    def _run(self) -> None:
        front, context = self.client.front, self.client.context
        connection = http.client.HTTPSConnection("localhost", front.https_port, context=context)
        with contextlib.closing(connection):
            for number in itertools.count():
                if self._stop.is_set():
                    return
                self._ask(connection, is_post=number % 4 == 0)

    def _ask(self, connection: http.client.HTTPSConnection, *, is_post: bool) -> None:
        start = time.monotonic()
        try:
            if is_post:
                body = json.dumps({"source": "hello *world*"})
                connection.request("POST", "/api/messages", body, dict(self.headers))
            else:
                connection.request("GET", "/api/messages?limit=5")
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self._note(start, failure=repr(error))
            return
        if response.status != (201 if is_post else 200):
            self._note(start, failure=f"{response.status} {content[:200]!r}")
        else:
            self._note(start, message=json.loads(content)["id"] if is_post else None)

    def _note(self, start: float, failure: str | None = None, message: int | None = None) -> None:
        with self._lock:
            self.requests += 1
            self.slowest = max(self.slowest, time.monotonic() - start)
            if failure:
                self.failures.append(failure)
            if message:
                self.acknowledged.append(message)


def _wait_for_file(path: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not path.exists():
        assert time.monotonic() < deadline, f"no {path}"
        time.sleep(0.05)


def _wait_until_gone(path: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while path.exists() and time.monotonic() < deadline:
        time.sleep(0.05)

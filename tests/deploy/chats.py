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
import uuid
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ngw2f.server import renewal
from tests.cheap_hashes import CONFIGURATION
from tests.migrated import copy_migrated
from tests.nginx.running import Client
from tests.processes import children_of

START_SECONDS = 300
# More than nginx gives an instance.
REQUEST_SECONDS = 90
# A client that was refused waits for so long.
PAUSE_SECONDS = 0.05


@dataclass
class Chat:
    """One gunicorn, which can be killed and started again."""

    directory: Path
    name: str
    environment: Mapping[str, str]
    # What goes before its command: another network namespace.
    prefix: Sequence[str] = ()
    # Where it listens, if not on its socket.
    address: str = ""

    @property
    def socket(self) -> Path:
        return self.directory / f"{self.name}.sock"

    @property
    def pid_file(self) -> Path:
        return self.directory / f"{self.name}.pid"

    @property
    def bind(self) -> str:
        return self.address or f"unix:{self.socket}"

    @property
    def pid(self) -> int:
        return int(self.pid_file.read_text())

    def start(self) -> None:
        self.pid_file.unlink(missing_ok=True)
        gunicorn = str(Path(sys.executable).with_name("gunicorn"))
        command = [*self.prefix, gunicorn, "-c", CONFIGURATION, "--workers", "1"]
        command += ["--bind", self.bind, "--pid", str(self.pid_file), "app:application"]
        with open(self.directory / f"{self.name}.log", "ab") as log:
            self._process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        # Before its worker has read them, what a test does to the settings would end the server.
        while renewal.read(self.pid_file, self._process.pid) != renewal.READY:
            assert self._process.poll() is None, f"{self.name} has ended; see its log"
            assert time.monotonic() < deadline, f"no worker is ready at {self.bind}"
            time.sleep(0.05)

    def kill(self) -> None:
        """End master and worker at once, as a crash of the machine would."""
        master = self.pid
        for pid in [master, *children_of(master)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait(START_SECONDS)

    def stop(self) -> None:
        # After a hot upgrade it is another process than the one that was started.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        if self._process.wait(START_SECONDS) != -signal.SIGKILL:
            _wait_until_gone(self.pid_file)


@contextlib.contextmanager
def running_chat(directory: Path, name: str, environment: Mapping[str, str]) -> Iterator[Chat]:
    with started(Chat(directory, name, environment)) as chat:
        yield chat


@contextlib.contextmanager
def started(chat: Chat) -> Iterator[Chat]:
    chat.start()
    try:
        yield chat
    finally:
        chat.stop()


@dataclass
class Workers:
    """The pool of RQ workers, which can be killed and started again."""

    environment: Mapping[str, str]
    prefix: Sequence[str] = ()

    def start(self) -> None:
        command = [*self.prefix, sys.executable, "-m", "ngw2f", "worker"]
        with open(Path(self.environment["NGW2F_DATA_DIR"]) / "worker.log", "ab") as log:
            self._process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)

    def kill(self) -> None:
        """End the pool and each of its workers at once."""
        for pid in [*children_of(self._process.pid), self._process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait(START_SECONDS)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(START_SECONDS)


@contextlib.contextmanager
def running_workers(
    environment: Mapping[str, str], prefix: Sequence[str] = ()
) -> Iterator[Workers]:
    workers = Workers(environment, prefix)
    workers.start()
    try:
        yield workers
    finally:
        workers.stop()


def environment(directory: Path, database_url: str, redis_url: str) -> dict[str, str]:
    """Return the variables of a chat; without a *database_url* it has a SQLite there."""
    if not database_url:
        copy_migrated(directory)
    settings = {
        "NGW2F_ENV": "production",
        "NGW2F_SETTINGS": str(directory),
        "NGW2F_TRUSTED_PROXIES": "1",
        "NGW2F_DATA_DIR": str(directory),
        "NGW2F_DATABASE_URL": database_url,
        "NGW2F_REDIS_URL": redis_url,
        "NGW2F_RATE_LIMIT": "false",
        # A busy machine may be slow to run Redis, without which there are no sessions of Socket.IO.
        "NGW2F_REDIS_TIMEOUT_SECONDS": "10",
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
    # Of so many requests of a thread one is a post.
    reads_to_a_post: int = 4
    # Between two requests of a thread: clients that never pause leave no processor to what is
    # started beside them.
    pause_seconds: float = 0.1
    # A post that failed is sent again with its Idempotency-Key, until it is answered.
    sends_again: bool = False
    failures: list[str] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)
    # The source of each message that was posted.
    posted: list[str] = field(default_factory=list)
    sent_again: int = 0
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

    def wait_for(self, requests: int, seconds: float = START_SECONDS) -> None:
        """Wait until so many more requests were answered."""
        target, deadline = self.requests + requests, time.monotonic() + seconds
        while self.requests < target and time.monotonic() < deadline:
            time.sleep(0.01)
        assert self.requests >= target, f"{self.requests} requests, {self.failures[:3]}"

    def _run(self) -> None:
        connection = self.client.connect(REQUEST_SECONDS)
        with contextlib.closing(connection):
            for number in itertools.count():
                if self._stop.wait(self.pause_seconds):
                    return
                if number % self.reads_to_a_post:
                    self._ask(connection)
                else:
                    self._post(connection)

    def _post(self, connection: http.client.HTTPSConnection) -> None:
        key = uuid.uuid4().hex if self.sends_again else ""
        source = f"hello *world* {key}".strip()
        self.posted.append(source)
        deadline = time.monotonic() + REQUEST_SECONDS
        while not self._ask(connection, source, key) and key:
            assert time.monotonic() < deadline, self.failures[-3:]
            self.sent_again += 1

    def _ask(
        self, connection: http.client.HTTPSConnection, source: str = "", key: str = ""
    ) -> bool:
        """Post *source*, or read if there is none; say whether it was answered as it should."""
        start = time.monotonic()
        is_post = bool(source)
        try:
            if is_post:
                headers = {**self.headers, **({"Idempotency-Key": f'"{key}"'} if key else {})}
                connection.request("POST", "/api/messages", json.dumps({"source": source}), headers)
            else:
                connection.request("GET", "/api/messages?limit=5")
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self._fail(start, repr(error))
            return False
        if response.status != (201 if is_post else 200):
            self._fail(start, f"{response.status} {content[:200]!r}")
            return False
        self._note(start)
        if is_post:
            self.acknowledged.append(json.loads(content)["id"])
        return True

    def _fail(self, start: float, failure: str) -> None:
        self._note(start)
        self.failures.append(failure)
        time.sleep(PAUSE_SECONDS)

    def _note(self, start: float) -> None:
        with self._lock:
            self.requests += 1
            self.slowest = max(self.slowest, time.monotonic() - start)


def _wait_until_gone(path: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while path.exists() and time.monotonic() < deadline:
        time.sleep(0.05)

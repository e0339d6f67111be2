"""The real thing: gunicorn with its hooks, in processes of its own, spoken to over a socket."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.cheap_hashes import CONFIGURATION
from tests.client import PASSWORD
from tests.migrated import copy_migrated
from tests.processes import children_of, command_line
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
START_SECONDS = 300
READY_PAUSE_SECONDS = 0.2
START_LINE = re.compile(r"The chat is at (http://127\.0\.0\.1:\d+)")


class Server:
    """One `gunicorn -c gunicorn.conf.py app:application` and all that belongs to it.

    Its passwords are hashed cheaply, unless another configuration is among the options.
    """

    def __init__(self, data_dir: Path, *options: str, **settings: object) -> None:
        self.data_dir = data_dir
        self.output = data_dir.with_name(f"{data_dir.name}.{time.monotonic_ns()}.log")
        environ = {name: text for name, text in os.environ.items() if not name.startswith("NGW2F_")}
        environ |= {f"NGW2F_{name}": str(setting) for name, setting in settings.items()}
        environ |= {"NGW2F_DATA_DIR": str(data_dir), "PYTHONUNBUFFERED": "1"}
        environ.setdefault("NGW2F_RATE_LIMIT", "false")
        # A request that goes on without Redis would lose a wake-up, or an event, for a while.
        environ.setdefault("NGW2F_REDIS_TIMEOUT_SECONDS", "10")
        # By its script, as people start it; its hot upgrade needs that.
        command = [sys.executable, str(Path(sys.executable).with_name("gunicorn"))]
        command += ["-c", CONFIGURATION, "--bind=127.0.0.1:0"]
        with self.output.open("wb") as output:
            self.master = subprocess.Popen(
                [*command, *options, "app:application"],
                cwd=ROOT,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait_until_ready(self, path: str = "/readyz") -> "Server":
        wait_until(lambda: self.address or self.master.poll() is not None, START_SECONDS)
        assert self.address, self.text
        # Each answer takes processor time from what starts.
        wait_until(lambda: self.get(path).status_code == 200, START_SECONDS, READY_PAUSE_SECONDS)
        return self

    @property
    def text(self) -> str:
        return self.output.read_text()

    @property
    def address(self) -> str:
        found = START_LINE.search(self.text)
        return found[1] if found else ""

    def processes(self) -> dict[int, str]:
        """Return the command lines of all processes that work on this data."""
        mark = f"\0NGW2F_DATA_DIR={self.data_dir}\0".encode()
        found = {}
        for path in Path("/proc").glob("[0-9]*"):
            try:
                # Valkey overwrites its environment, but lives in the directory. A zombie
                # has neither: what has ended is not counted.
                environ = b"\0" + (path / "environ").read_bytes() + b"\0"
                if mark in environ or (path / "cwd").readlink().is_relative_to(self.data_dir):
                    found[int(path.name)] = command_line(int(path.name))
            except OSError:
                # It has just ended, or it is somebody else's.
                continue
        return found

    def pids(self, what: str) -> set[int]:
        """Return the processes whose command line contains *what*."""
        return {pid for pid, command in self.processes().items() if what in command}

    def pid(self, what: str) -> int:
        """Return the one process of that kind, once it is one: a fork begins with its parent's."""
        (pid,) = wait_until(lambda: found if len(found := self.pids(what)) == 1 else None)
        return pid

    @property
    def valkey(self) -> int:
        return self.pid("valkey-server")

    @property
    def rq_worker(self) -> int:
        return self.pid("--queues=render")

    @property
    def supervisor(self) -> int:
        return self.pid("ngw2f embedded")

    def web_workers(self, master: int | None = None) -> set[int]:
        """Return the master's children that serve requests."""
        children = children_of(master or self.master.pid)
        return {pid for pid in children if "gunicorn" in command_line(pid)}

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.request("POST", path, **options)

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, self.address + path, timeout=START_SECONDS, **options)

    def join(self, nickname: str) -> dict[str, str]:
        """Register a user and return the headers that prove to be that user."""
        body = {"nickname": nickname, "password": PASSWORD}
        assert self.post("/api/users", json=body).status_code == 201
        answer = self.post("/api/tokens", auth=(nickname, PASSWORD))
        return {"Authorization": f"Bearer {answer.json()['token']}"}

    @contextmanager
    def without_sweeps(self) -> Iterator[None]:
        """Stop the upkeep's clock for the block, so that only wake-ups call workers."""
        clock = self.pid("ngw2f cron")
        os.kill(clock, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(clock, signal.SIGCONT)

    def messages(self) -> dict[int, dict[str, Any]]:
        """Return the whole history by id."""
        found: dict[int, dict[str, Any]] = {}
        path = "/api/messages?limit=200&after=0"
        while path:
            answer = self.get(path)
            found |= {message["id"]: message for message in answer.json()["messages"]}
            path = answer.links.get("next", {}).get("url", "")
        return found

    def wait_until_rendered(self, seconds: float = START_SECONDS) -> dict[int, dict[str, Any]]:
        def rendered() -> dict[int, dict[str, Any]]:
            messages = self.messages()
            return messages if all(m["rendered"] for m in messages.values()) else {}

        return wait_until(rendered, seconds)

    def stop(self) -> None:
        """End it, whatever state it is in; only processes of this data directory."""
        if self.master.poll() is None:
            self.master.send_signal(signal.SIGTERM)
        try:
            self.master.wait(START_SECONDS)
            wait_until(lambda: not self.processes())
        finally:
            for pid in self.processes():
                os.kill(pid, signal.SIGKILL)
            self.master.wait(START_SECONDS)


@contextmanager
def run_server(
    data_dir: Path,
    *options: str,
    path: str = "/readyz",
    is_migrated: bool = True,
    **settings: object,
) -> Iterator[Server]:
    """Run it for the block, which begins when *path* is answered with 200."""
    if is_migrated and "DATABASE_URL" not in settings:
        copy_migrated(data_dir)
    server = Server(data_dir, *options, **settings)
    try:
        yield server.wait_until_ready(path)
    finally:
        server.stop()

"""One trial of `killed.py`: a job whose worker is killed in the middle."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from typing import NamedTuple

from examples.queues.sides import CelerySide, RQSide
from examples.transcript.stage import Stage
from examples.transcript.stopping import kill

PATIENCE_SECONDS = 120.0
FINAL = {"SUCCESS", "FAILURE", "finished", "failed"}


class Arrangement(NamedTuple):
    """How the job is sent, and what is killed: the worker, its child process, or all."""

    side: type[CelerySide | RQSide]
    name: str
    killed: str


class Outcome(NamedTuple):
    kept: str
    begun: int
    done: int
    says: str


class Trial:
    """One job, and the workers that run it; `url` is its own database."""

    def __init__(self, stage: Stage, url: str, arrangement: Arrangement) -> None:
        _, self.name, self.killed = arrangement
        self.directory, self.environ = stage.directory, {**stage.environ, "REDIS_URL": url}
        self.job = arrangement.side(url, arrangement.name)
        self.workers: list[subprocess.Popen[bytes]] = []

    def run(self) -> Outcome:
        """Return what Redis kept, how often the job began and ended, and its reported state."""
        try:
            self.work()
            kept = self.kill()
            if self.killed in ("all", "nothing") and kept != "-":
                self.pass_time()
                self.work()
            if self.count("begun") == 2:
                # A killed job is not done.
                self.let_go(done=2 if self.killed == "nothing" else 1)
            return Outcome(kept, self.count("begun"), self.count("done"), self.job.says())
        finally:
            for worker in self.workers:
                kill(worker)
            self.job.redis.close()

    def work(self) -> None:
        """Start a worker, and wait until it has begun, or found nothing to do."""
        command = ["bash", "-c", f"exec {self.job.command} > /dev/null 2>&1"]
        self.workers.append(
            subprocess.Popen(command, cwd=self.directory, env=self.environ, start_new_session=True)
        )
        wait_for(lambda: self.count("begun") == len(self.workers) or self.is_over())

    def kill(self) -> str:
        """Kill the processes, and return where Redis has the job then."""
        if self.name == "early":
            # The worker acknowledges when the child reports its begin.
            wait_for(lambda: self.job.kept() == "-")
        if self.killed in ("all", "worker"):
            self.workers[0].kill()
            self.workers[0].wait()
        if self.killed in ("all", "child"):
            [child] = self.job.redis.lrange("begun", 0, -1)
            os.kill(int(child), signal.SIGKILL)
        if self.killed == "worker":
            self.let_go(done=1)
        if self.killed == "child":
            wait_for(lambda: self.count("begun") == 2 or self.is_over())
        return self.job.kept()

    def pass_time(self) -> None:
        """Simulate a long time without a heartbeat."""
        for entry, _ in self.job.redis.zscan_iter(self.job.times):
            self.job.redis.zadd(self.job.times, {entry: 0})

    def let_go(self, done: int) -> None:
        """Let the job continue wherever it has begun, until it is done that often."""
        # One more word, for killed processes that were waiting for one.
        self.job.redis.rpush("go", *["go"] * 3)
        wait_for(lambda: self.count("done") == done and self.is_over())

    def is_over(self) -> bool:
        return self.job.says() in FINAL and self.job.kept() in ("-", "failed")

    def count(self, name: str) -> int:
        return int(self.job.redis.llen(name))


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError("the job is not begun, or not done")
        time.sleep(0.02)

"""What a transcript needs around it: programs, free ports, a directory, connections."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from examples.transcript.machine import answers, free_port, has_module
from examples.transcript.names import NAME
from examples.transcript.reading import DeviationError

START_SECONDS = 60.0
STOP_SECONDS = 15.0


class LackingError(Exception):
    """Something that the transcript needs is not on this machine; the message says what."""


class Stage:
    """A place to play one transcript. Leaving it stops what was started there."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.scratch = tempfile.TemporaryDirectory(prefix="transcript-")
        self.values = {"directory": self.scratch.name}
        self.servers: list[subprocess.Popen[bytes]] = []
        # `python` and what is installed with it are those that run this.
        # Servers may be where only an administrator's PATH looks.
        path = [str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin", "/sbin"]
        modules = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
        self.environ = {
            **os.environ,
            "PATH": os.pathsep.join(path),
            "PYTHONPATH": os.pathsep.join(filter(None, modules)),
            "PYTHONUNBUFFERED": "1",
        }

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *_exc_info: object) -> None:
        for server in reversed(self.servers):
            stop(server)
        self.scratch.cleanup()

    def check(self, need: str) -> None:
        """Raise `LackingError` if there is no such program, or no such module to import."""
        *kind, name = need.partition(":")[0].split()
        found = has_module(name) if kind else shutil.which(name, path=self.environ["PATH"])
        if not found:
            raise LackingError(f"needs {need}")

    def give_ports(self, command: str) -> None:
        """Give each port that a command names, and that is new, a number that is free."""
        for name in NAME.findall(command):
            if name.startswith("port") and name not in self.values:
                self.values[name] = str(free_port())

    def serve(self, command: str) -> int:
        """Start a server on a port of its own, which its command calls <port>, and give that."""
        port = free_port()
        self.values["port"] = str(port)
        self.start(command.replace("<port>", str(port)))
        return port

    def run(self, command: str) -> bytes:
        """Run a command to its end, and give what it printed."""
        shell = ["bash", "-c", command]
        ended = subprocess.run(
            shell, cwd=self.directory, env=self.environ, stdin=subprocess.DEVNULL, timeout=120,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        return ended.stdout

    def start(self, command: str) -> None:
        """Start a server, and wait until each port that its command names answers."""
        log = Path(self.scratch.name) / f"server-{len(self.servers)}.log"
        with log.open("wb") as output:
            server = subprocess.Popen(
                ["bash", "-c", command], cwd=self.directory, env=self.environ,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        self.servers.append(server)
        self.values["pid"] = str(server.pid)
        given = {value for name, value in self.values.items() if name.startswith("port")}
        ports = given & set(re.findall(r"\d+", command))
        deadline = time.monotonic() + START_SECONDS
        while not all(answers(int(port)) for port in ports):
            if server.poll() is not None or time.monotonic() > deadline:
                raise DeviationError(f"the server did not start:\n{log.read_text()}")
            time.sleep(0.02)


def stop(server: subprocess.Popen[bytes]) -> None:
    """End a server and all that it has started."""
    server.terminate()
    with suppress(subprocess.TimeoutExpired):
        server.wait(STOP_SECONDS)
    # What a shell has started goes on without the shell.
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()

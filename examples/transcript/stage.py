"""The environment of a transcript: programs, free ports, a directory, connections."""

import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from examples.transcript.copying import copy
from examples.transcript.environ import environ_of
from examples.transcript.machine import answers, give_back, has_module
from examples.transcript.ports import DEFAULT, Ports
from examples.transcript.reading import DeviationError
from examples.transcript.stopping import kill, stop, stop_daemons

START_SECONDS = 60.0
# Depends on nginx's version, and on who starts it: that he may not write where its package logs
# (it reads its -c after that), and that a signal was sent.
REMARKS = re.compile(
    rb"(?m)^(nginx: \[alert\] could not open error log|.* signal process started).*\n"
)


class LackingError(Exception):
    """The transcript needs something that this machine lacks; the message says what."""


class Stage:
    """A place to play one transcript: a copy of its folder, with its own ports.

    Leaving it stops the programs started there, and removes the copy.
    """

    def __init__(self, directory: Path) -> None:
        self.scratch = tempfile.TemporaryDirectory(prefix="transcript-")
        self.directory = Path(self.scratch.name) / directory.name
        self.ports = Ports()
        self.values = {"directory": self.scratch.name}
        self.servers: list[subprocess.Popen[bytes]] = []
        self.environ = environ_of(self.ports[DEFAULT])
        copy(directory, self.directory, self.ports)

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *_exc_info: object) -> None:
        for server in reversed(self.servers):
            stop(server)
        stop_daemons(self.directory)
        for port in self.ports.free.values():
            give_back(int(port))
        self.scratch.cleanup()

    def check(self, need: str) -> None:
        """Raise `LackingError` if there is no such program, file, or module to import."""
        *kind, name = need.partition(":")[0].split()
        if not (has_module(name) if kind else self.has(name)):
            raise LackingError(f"needs {need}")

    def has(self, name: str) -> bool:
        """Return whether there is a program of this name, or a file in the folder."""
        program = shutil.which(name, path=self.environ["PATH"])
        return program is not None or (self.directory / name).exists()

    def serve(self, command: str) -> int:
        """Start a server, and return its first port in the command."""
        self.start(command)
        return int(self.ports.named_in(command)[0])

    def run(self, command: str) -> bytes:
        """Run a command to its end, and return what it printed."""
        shell = ["bash", "-c", self.ports.in_command(command)]
        ended = subprocess.run(
            shell, cwd=self.directory, env=self.environ, stdin=subprocess.DEVNULL, timeout=120,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        return self.ports.as_written(REMARKS.sub(b"", ended.stdout))

    def start(self, command: str) -> None:
        """Start a server, and wait until each port that its command names answers."""
        log = Path(self.scratch.name) / f"server-{len(self.servers)}.log"
        with log.open("wb") as output:
            server = subprocess.Popen(
                ["bash", "-c", self.ports.in_command(command)], cwd=self.directory,
                env=self.environ, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip
        self.servers.append(server)
        self.values["pid"] = str(server.pid)
        ports = self.ports.named_in(command)
        deadline = time.monotonic() + START_SECONDS
        while not all(answers(int(port)) for port in ports):
            if server.poll() is not None or time.monotonic() > deadline:
                raise DeviationError(f"the server did not start:\n{log.read_text()}")
            time.sleep(0.02)

    def end(self, job: int, *, at_once: bool = False) -> None:
        """Kill the server that was started as this job number, counted from 1.

        It and its children must stop at once.
        """
        if not 0 < job <= len(self.servers):
            raise DeviationError(f"there is no job {job}")
        (kill if at_once else stop)(self.servers[job - 1])

"""End what a transcript has started."""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

STOP_SECONDS = 15.0


def stop(server: subprocess.Popen[bytes]) -> None:
    """End a server and all that it has started."""
    server.terminate()
    with suppress(subprocess.TimeoutExpired):
        server.wait(STOP_SECONDS)
    # What a shell has started goes on without the shell.
    kill(server)


def kill(server: subprocess.Popen[bytes]) -> None:
    """Kill a server's group, as a shell does with a job."""
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def stop_daemons(directory: Path) -> None:
    """End those that have left the terminal, by the files that have their ids."""
    for file in directory.rglob("*.pid*"):
        with suppress(ProcessLookupError, ValueError):
            os.kill(int(file.read_text()), signal.SIGTERM)

"""Stop what a transcript has started."""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

STOP_SECONDS = 15.0


def stop(server: subprocess.Popen[bytes]) -> None:
    """Stop a server and all its children."""
    server.terminate()
    with suppress(subprocess.TimeoutExpired):
        server.wait(STOP_SECONDS)
    # A shell's children survive the shell.
    kill(server)


def kill(server: subprocess.Popen[bytes]) -> None:
    """Kill a server's process group, as a shell kills a job."""
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def stop_daemons(directory: Path) -> None:
    """Stop daemons by their pid files."""
    for file in directory.rglob("*.pid*"):
        with suppress(FileNotFoundError, ProcessLookupError, ValueError):
            os.kill(int(file.read_text()), signal.SIGTERM)

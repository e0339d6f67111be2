"""Drive a gunicorn through its life with signals, and print which hooks ran: python life.py."""

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.request import urlopen

from examples.transcript.machine import free_port

QUIET_SECONDS = 0.2


def main() -> None:
    port = free_port()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        told, pid_file = directory / "told", directory / "pid"
        command = ["gunicorn", "-c", "hooks.py", f"--bind=127.0.0.1:{port}", f"--pid={pid_file}"]
        with told.open("ab") as output:
            server = subprocess.Popen([*command, "hello:application"], stdout=output)
        ready = "post_worker_init"
        ended = ("child_exit", "worker_exit")
        chapter("start", told, ready)
        urlopen(f"http://127.0.0.1:{port}/").close()
        chapter("a request", told, "post_request")
        subprocess.run(["pkill", "-ABRT", "-P", str(server.pid)], check=True)
        chapter("SIGABRT: silent for too long; another takes its place", told, ready, *ended)
        server.send_signal(signal.SIGTTIN)
        chapter("SIGTTIN: one worker more", told, ready)
        server.send_signal(signal.SIGTTOU)
        chapter("SIGTTOU: one worker less", told, *ended)
        server.send_signal(signal.SIGHUP)
        chapter("SIGHUP: reload; the old worker ends its requests", told, ready, *ended)
        server.send_signal(signal.SIGUSR2)
        chapter("SIGUSR2: hot upgrade; both masters listen on the same socket", told, ready)
        successor = int((directory / "pid.2").read_text())
        server.send_signal(signal.SIGQUIT)
        server.wait()
        chapter("SIGQUIT to the old master: the new one goes on alone", told, "on_exit", *ended)
        os.kill(successor, signal.SIGTERM)
        chapter("SIGTERM: the end", told, "on_exit", *ended)


def chapter(title: str, told: Path, *awaited: str) -> None:
    """Print the hooks' output since the last call, sorted by process.

    Wait until the awaited hooks have run, and nothing follows for a moment.
    """
    size, since = -1, time.monotonic()
    while time.monotonic() - since < QUIET_SECONDS or not all(
        hook in told.read_text() for hook in awaited
    ):
        time.sleep(0.05)
        if told.stat().st_size != size:
            size, since = told.stat().st_size, time.monotonic()
    print(f"-- {title}")
    for line in sorted(told.read_text().splitlines(), key=lambda line: line[:11]):
        print(line)
    os.truncate(told, 0)


if __name__ == "__main__":
    main()

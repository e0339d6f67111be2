"""From `gunicorn -c gunicorn.conf.py app:application` to the first answer, and memory when idle.

Each round measures in turn how long a Python takes to import the chat's great libraries alone,
and how long the whole embedded stack takes to its first answer, on data that is there already.
Then a message is posted at once, and waited for until it is rendered. At last, 10 s after such a
start: the memory of each process (PSS, from Linux's /proc).

Run: python -m benchmarks.start [ROUNDS]
"""

import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.api import call, sign_up
from benchmarks.load import middle

LIBRARIES = "import sqlalchemy, werkzeug, jinja2, gunicorn, gevent, rq, redis, limits"
IDLE_SECONDS = 10
SHOWN_CHARACTERS = 60
PAUSE_SECONDS = 0.005


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory(prefix="ngw2f-") as directory:
        with running(directory) as address:
            token = sign_up(address)
        imports, starts, renderings = [], [], []
        for _ in range(rounds):
            imports.append(import_libraries())
            began_at = time.monotonic()
            with running(directory) as address:
                starts.append(time.monotonic() - began_at)
                renderings.append(render(address, token))
        show("importing the libraries", imports)
        show("start to first answer", starts)
        show("first message rendered after", renderings)
        ratios = [mine / other for mine, other in zip(starts, imports, strict=True)]
        print(f"start / import: {statistics.median(ratios):.2f} ({middle(ratios, '.2f')})\n")
        with running(directory):
            time.sleep(IDLE_SECONDS)
            show_memory(directory)


def show(name: str, seconds: list[float]) -> None:
    print(f"{name:30} {statistics.median(seconds):.2f} s ({middle(seconds, '.2f')})")


def import_libraries() -> float:
    began_at = time.monotonic()
    subprocess.run([sys.executable, "-c", LIBRARIES], check=True)
    return time.monotonic() - began_at


def render(address: str, token: str) -> float:
    """Post a message; return after how many seconds it is rendered."""
    began_at = time.monotonic()
    posted = call(address, "/api/messages", {"source": "*hello*"}, f"Bearer {token}")
    while not call(address, f"/api/messages/{posted['id']}")["rendered"]:
        time.sleep(PAUSE_SECONDS)
    return time.monotonic() - began_at


@contextmanager
def running(directory: str) -> Iterator[str]:
    """Run the whole stack on the data in *directory*; give its address, once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [str(Path(sys.executable).with_name("gunicorn")), "-c", "gunicorn.conf.py"]
    with open(Path(directory) / "log", "ab") as log:
        server = subprocess.Popen(
            [sys.executable, *command, "-b", address, "app:application"],
            env={**os.environ, "NGW2F_DATA_DIR": directory},
            stderr=log,
        )
        try:
            while not answers(address):
                time.sleep(PAUSE_SECONDS)
            yield address
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/api/messages", timeout=60) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def show_memory(directory: str) -> None:
    """Print the proportional set size of each process that works on this data."""
    total = 0.0
    mark = f"\0NGW2F_DATA_DIR={directory}\0".encode()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            environ = b"\0" + (path / "environ").read_bytes() + b"\0"
            # Valkey overwrites its environment, but lives there.
            if mark not in environ and not (path / "cwd").readlink().is_relative_to(directory):
                continue
            fields = (path / "smaps_rollup").read_text().split()
            command = (path / "cmdline").read_bytes().decode().replace("\0", " ").rstrip()
        except OSError:
            continue  # It is another user's, or has ended.
        megabytes = int(fields[fields.index("Pss:") + 1]) / 1024
        total += megabytes
        print(f"{megabytes:6.1f} MB  {command[-SHOWN_CHARACTERS:]}")
    print(f"{total:6.1f} MB  in all")


if __name__ == "__main__":
    main()

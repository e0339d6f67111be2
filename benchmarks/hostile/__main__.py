"""Send a chat what no client sends, and see that others are served all the while.

    python -m benchmarks.hostile [--seconds 60] [--inputs 100000] [--seed 1]

The attackers are a process of their own with many connections. Meanwhile /healthz of the one
worker is asked for over fresh connections. It ends when the inputs are sent or the time is over,
and prints: inputs sent, the longest wait for /healthz (it shall stay below 0.5 s), tracebacks in
the log (none), connections left (none) and by how much the worker grew.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.hostile.watching import Prober, open_connections, rss_bytes
from tests.live.server import ChatServer

# The server's own limits: then nothing is left of what was cut off.
CALM_SECONDS = 60
WARM_UP_INPUTS = 1_000


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks.hostile", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ngw2f-hostile-") as directory:
        chat = ChatServer(Path(directory))
        chat.start()
        try:
            report(chat, options.inputs, options.seconds, options.seed)
        finally:
            chat.stop()


def report(chat: ChatServer, inputs: int, seconds: int, seed: int) -> None:
    (worker,) = chat.web_workers()
    # What is made once is not growth.
    send(chat.port, WARM_UP_INPUTS, seconds, seed + 1)
    before = rss_bytes(worker)
    with Prober(chat.port) as prober:
        began = time.monotonic()
        sent = send(chat.port, inputs, seconds, seed)
        lasted = time.monotonic() - began
    left = wait_for_calm(chat.port)
    waits = sorted(prober.waits)
    log = chat.log.read_text(errors="replace")
    print(f"seed {seed}: {sent} inputs in {lasted:.1f} s, {len(waits)} probes")
    print(f"/healthz: longest {waits[-1]:.3f} s, median {waits[len(waits) // 2]:.3f} s,"
          f" failed {len(prober.failures)}")  # fmt: skip
    print(f"tracebacks: {log.count('Traceback')}")
    print(f"connections left: {left}")
    print(f"the same worker: {chat.web_workers() == [worker]}")
    print(f"growth: {(rss_bytes(worker) - before) / 1e6:.1f} MB")
    if "Traceback" in log:
        print(log[log.index("Traceback") - 500 :][:3000])


def send(port: int, inputs: int, seconds: int, seed: int) -> int:
    command = [sys.executable, "-m", "benchmarks.hostile.sender"]
    options = [str(number) for number in (port, inputs, seconds, seed)]
    done = subprocess.run([*command, *options], stdout=subprocess.PIPE, check=True)
    return int(done.stdout)


def wait_for_calm(port: int) -> int:
    """Return how many connections the server still has when its own limits are over."""
    deadline = time.monotonic() + CALM_SECONDS
    while (left := open_connections(port)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


if __name__ == "__main__":
    main()

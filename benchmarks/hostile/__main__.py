"""Attack a chat with malformed input, and check that other clients are still served.

    python -m benchmarks.hostile [--seconds 60] [--inputs 100000] [--seed 1]

The attackers are two processes with many connections: random HTTP (every tenth input), and
random frames and packets over /ws, Socket.IO's WebSocket and its polling. Meanwhile /healthz of
the only worker is requested over new connections. It ends when the inputs are sent or the time is
over, and prints: inputs sent, the longest wait for /healthz (it should stay below 0.5 s),
tracebacks in the log, HTTP after a switch of protocols, connections and subscriptions left (none
of each), and the growth of the worker.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.hostile.sessions import HTTP_AFTER_SWITCH
from benchmarks.hostile.watching import Prober, rss_bytes, wait_for_calm
from tests.live.server import ChatServer

# By then the server's own limits, and that of a polling session, have passed.
CALM_SECONDS = 90
WARM_UP_INPUTS = 10_000
# One input in this many is HTTP, because each takes a connection.
HTTP_SHARE = 10


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
    token = chat.register("attacker")
    # Memory that is allocated once is not growth.
    send(chat.port, token, WARM_UP_INPUTS, seconds / 4, seed + 1)
    before = rss_bytes(worker)
    with Prober(chat.port) as prober:
        began = time.monotonic()
        sent, answers = send(chat.port, token, inputs, seconds, seed)
        lasted = time.monotonic() - began
    connections, subscriptions = wait_for_calm(chat.port, CALM_SECONDS)
    waits = sorted(prober.waits)
    log = chat.log.read_text(errors="replace")
    print(f"seed {seed}: {sent} inputs in {lasted:.1f} s, {len(waits)} probes, load of the machine"
          f" {os.getloadavg()[0]:.1f}")  # fmt: skip
    print(f"/healthz: longest {waits[-1]:.3f} s, 99 % {waits[len(waits) * 99 // 100]:.3f} s,"
          f" median {waits[len(waits) // 2]:.3f} s, failed {len(prober.failures)}")  # fmt: skip
    print(f"tracebacks: {log.count('Traceback')}")
    print(f"{HTTP_AFTER_SWITCH}: {answers.pop(HTTP_AFTER_SWITCH, 0)}")
    print(f"left: {connections} connections, {subscriptions} subscriptions")
    print(f"the same worker: {chat.web_workers() == [worker]}")
    print(f"growth: {(rss_bytes(worker) - before) / 1e6:.1f} MB")
    print("sessions: " + ", ".join(f"{name} {count}" for name, count in sorted(answers.items())))
    if "Traceback" in log:
        print(log[log.index("Traceback") - 500 :][:3000])


def send(port: int, token: str, inputs: int, seconds: float, seed: int) -> tuple[int, Counter[str]]:
    """Run both attackers at once; return the number of inputs, and the results."""
    shares = {"http": inputs // HTTP_SHARE, "live": inputs - inputs // HTTP_SHARE}
    attackers = []
    for what, share in shares.items():
        command = [sys.executable, "-m", "benchmarks.hostile.sender", what, str(port), token]
        options = [str(number) for number in (share, seconds, seed)]
        attackers.append(subprocess.Popen([*command, *options], stdout=subprocess.PIPE))
    results = [json.loads(attacker.communicate()[0]) for attacker in attackers]
    answers: Counter[str] = Counter()
    for result in results:
        answers.update(result["answers"])
    return sum(result["sent"] for result in results), answers


if __name__ == "__main__":
    main()

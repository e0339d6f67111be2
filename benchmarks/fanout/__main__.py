"""Measure the chat, and beside it what else is installed."""

import argparse
import json
import multiprocessing
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.fanout.posters import post
from benchmarks.fanout.servers import Running, chat, flask_socketio, nchan, node_socketio

HERE = Path(__file__).parent
P99_MS = 100.0
RATES = (10, 100, 200, 300, 400, 500, 600, 800)
WARMUP_SECONDS = 3.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fanout", description=__doc__)
    parser.add_argument("--listeners", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rates", type=int, nargs="+", default=RATES)
    parser.add_argument("--only", nargs="+", default=["chat", "node", "flask", "nchan"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ngw2f-") as directory:
        load = compile_load(Path(directory))
        for start in (chat, node_socketio, flask_socketio, nchan):
            if start.__name__.split("_")[0] not in options.only:
                continue
            with start() as running:
                if running is None:
                    print(f"{start.__name__}: not installed")
                    continue
                measure(load, running, options)


def compile_load(directory: Path) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        sys.exit("a C compiler (cc) is needed for the listeners")
    target = directory / "load"
    subprocess.run([compiler, "-O2", "-o", target, HERE / "load.c"], check=True)
    return target


def measure(load: Path, running: Running, options: argparse.Namespace) -> None:
    print(f"\n{running.name}: {options.listeners} listeners, one process")
    best = 0.0
    for rate in options.rates:
        seen = measure_rate(load, running, options, rate)
        is_sound = seen["p99_ms"] <= P99_MS and seen["lost"] == 0 and seen["deliveries"]
        late = f"p50 {seen['p50_ms']} ms, p99 {seen['p99_ms']} ms"
        remark = "" if is_sound else "  (not sound)"
        deliveries = f"{seen['per_second']:8} deliveries/s"
        print(f"  {rate:5} events/s: {deliveries}, {late}{remark}", flush=True)
        if is_sound:
            best = max(best, seen["per_second"])
    print(f"  best: {best:.0f} deliveries/s with p99 <= {P99_MS:.0f} ms")


def measure_rate(
    load: Path, running: Running, options: argparse.Namespace, rate: int
) -> dict[str, Any]:
    posting = multiprocessing.get_context("spawn").Process(
        target=post, args=[running, rate, options.seconds + WARMUP_SECONDS + 0.5]
    )
    arguments: Sequence[object] = (
        load, "127.0.0.1", running.port, options.listeners, options.seconds, WARMUP_SECONDS,
        running.mode, running.path,
    )  # fmt: skip
    listening = subprocess.Popen(
        [str(argument) for argument in arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert listening.stderr is not None
    listening.stderr.readline()  # All are connected.
    posting.start()
    output, _ = listening.communicate(timeout=120)
    posting.join()
    seen: dict[str, Any] = json.loads(output)
    return seen


if __name__ == "__main__":
    main()

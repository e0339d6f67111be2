"""Run the public test suite for HTTP caches (github.com/http-tests/cache-tests) against the cache.

    CACHE_TESTS_DIR=checkout python -m tests.conformance.run [--store memory|redis] [--write]

The cache runs around a tiny forwarder under gunicorn, with one process on the store in
memory and with two on the store in Redis. Every test of `baseline.txt` must pass; what
passes besides is no failure. `--write` replaces the baseline, and the results in
`results.json`, by those of this run. Without a checkout, or without Node, nothing is
run and the exit status is 0.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from examples.transcript.machine import free_port

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
BASELINE = HERE / "baseline.txt"
RESULTS = HERE / "results.json"
START_SECONDS = 60
PASSED = {"pass", "yes"}

# Of each test: its kind, its result, the message, what it is called.
Results = dict[str, tuple[str, str, str, str]]


def main() -> int:
    """Run the suite on the stores asked for; 1 if a test of the baseline did not pass."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", choices=["memory", "redis"], action="append")
    parser.add_argument("--write", action="store_true", help="write baseline and results")
    options = parser.parse_args()
    suite = os.environ.get("CACHE_TESTS_DIR")
    if missing := what_is_missing(suite):
        say(f"conformance: not run: {missing}")
        return 0
    failed = False
    for store in options.store or ["memory", "redis"]:
        results = run_on(store, Path(suite or ""))
        say(f"{store}: {summary(results)}")
        if options.write:
            write(results)
        lost = lost_tests(results)
        for test in lost:
            say(f"{store}: lost {test}: {' '.join(results.get(test, ('', 'not run'))[1:3])}")
        failed = failed or bool(lost)
    return 1 if failed else 0


def say(line: str) -> None:
    """Write a line at once: a run takes a minute."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def what_is_missing(suite: str | None) -> str | None:
    """Say what keeps the suite from being run."""
    if not suite:
        return "CACHE_TESTS_DIR does not name a checkout of github.com/http-tests/cache-tests"
    if not (Path(suite) / "test-engine/cli.mjs").is_file():
        return f"there is no cache-tests in {suite}"
    if not shutil.which("node"):
        return "there is no node; install Node 20 or later"
    if not (Path(suite) / "node_modules/undici").is_dir():
        return f"undici is missing; run `npm install --omit=dev --ignore-scripts` in {suite}"
    return None


def run_on(store: str, suite: Path) -> Results:
    """Start origin, store and cache, run the suite, and end them."""
    with tempfile.TemporaryDirectory() as place:
        origin, port = free_port(), free_port()
        environment = {"CONFORMANCE_ORIGIN_PORT": str(origin)}
        workers = 1
        with running_origin(suite, origin, Path(place)):
            if store == "memory":
                with running_cache(port, workers, environment):
                    return measure(suite, port, Path(place))
            with running_redis(Path(place)) as redis_socket:
                environment["CONFORMANCE_REDIS_SOCKET"] = redis_socket
                workers = 2
                with running_cache(port, workers, environment):
                    return measure(suite, port, Path(place))


def measure(suite: Path, port: int, place: Path) -> Results:
    """Run the suite's client, and name its results."""
    raw = place / "results.json"
    settings = {"npm_config_base": f"http://127.0.0.1:{port}", "npm_package_config_id": ""}
    command = ["node", "--no-warnings", "test-engine/cli.mjs"]
    with raw.open("wb") as output:
        subprocess.run(
            command, cwd=suite, env=os.environ | settings, stdout=output, check=True, timeout=300
        )
    classify = ["node", "--no-warnings", str(HERE / "classify.mjs"), str(suite), str(raw)]
    named = subprocess.run(classify, stdout=subprocess.PIPE, check=True).stdout
    return {test: tuple(result) for test, result in json.loads(named).items()}


def counts(results: Results) -> tuple[Counter[str], Counter[str]]:
    """Count what passed, and all there is, by kind."""
    total = Counter(kind for kind, *_ in results.values())
    passed = Counter(kind for kind, result, *_ in results.values() if result in PASSED)
    return passed, total


def summary(results: Results) -> str:
    """Count what passed by kind."""
    passed, total = counts(results)
    return ", ".join(f"{kind} {passed[kind]}/{total[kind]}" for kind in sorted(total))


def lost_tests(results: Results) -> list[str]:
    """List the tests of the baseline that did not pass."""
    lines = BASELINE.read_text().splitlines() if BASELINE.exists() else []
    wanted = [line.partition("#")[0].strip() for line in lines]
    return [test for test in wanted if test and results.get(test, ("", ""))[1] not in PASSED]


def write(results: Results) -> None:
    """Keep this run's results, and as baseline what passed of the required and optimal tests."""
    good = sorted(
        test for test, (kind, result, *_) in results.items() if kind != "check" and result in PASSED
    )
    BASELINE.write_text(
        "# Tests of the suite that must pass, one a line.\n" + "\n".join(good) + "\n"
    )
    RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")


@contextmanager
def running_origin(suite: Path, port: int, place: Path) -> Iterator[None]:
    """Run the suite's origin. It listens on all interfaces: it has no setting for that."""
    settings = {
        "npm_config_protocol": "http",
        "npm_config_port": str(port),
        "npm_config_pidfile": str(place / "origin.pid"),
    }
    log = place / "origin.log"
    with (
        log.open("wb") as output,
        running(
            ["node", "test-engine/server/server.mjs"],
            settings,
            lambda: listens(port),
            suite,
            output,
        ),
    ):
        yield


@contextmanager
def running_cache(port: int, workers: int, environment: dict[str, str]) -> Iterator[None]:
    """Run the cache under gunicorn."""
    command = [sys.executable, "-m", "gunicorn", "--config", "tests/conformance/gunicorn_config.py"]
    command += ["--bind", f"127.0.0.1:{port}", "--workers", str(workers)]
    command += ["tests.conformance.application:application"]
    with running(command, environment, lambda: listens(port), ROOT, subprocess.DEVNULL):
        yield


@contextmanager
def running_redis(place: Path) -> Iterator[str]:
    """Run a Redis or Valkey of our own on a Unix socket."""
    server = shutil.which("redis-server") or shutil.which("valkey-server")
    if server is None:
        sys.exit("conformance: the store in Redis needs redis-server or valkey-server")
    path = place / "redis.sock"
    command = [server, "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(place)]
    with running(command, {}, path.exists, place, subprocess.DEVNULL):
        yield str(path)


@contextmanager
def running(
    command: list[str],
    environment: dict[str, str],
    is_up: Callable[[], bool],
    directory: Path,
    output: object,
) -> Iterator[None]:
    """Run a server until the block ends; it must come up within a time."""
    process = subprocess.Popen(
        command,
        cwd=directory,
        env=os.environ | environment,
        stdout=output,  # type: ignore[call-overload]  # A file or DEVNULL; Popen's own union.
        stderr=subprocess.STDOUT,
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not is_up():
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"conformance: did not start: {' '.join(command)}")
            time.sleep(0.1)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def listens(port: int) -> bool:
    """Say whether something takes connections on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    sys.exit(main())

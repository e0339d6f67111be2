"""Run the public suites of Engine.IO and Socket.IO against our server, on several workers.

    ENGINEIO_DIR=checkout SOCKETIO_DIR=checkout python -m tests.conformance.socketio.run
        [--workers 2] [--ping 300/200] [--times 1]

They are github.com/socketio/engine.io-protocol (f21de7b) and socket.io-protocol (4f633dd). Their
own `ws` is replaced by one that hands each frame over by itself: otherwise two frames that come
together hide the second from the suite, and Node's server fails, too. Without a checkout, or
without Node, nothing is run and the exit status is 0.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import requests

from examples.transcript.machine import free_port
from tests.live.server import RedisServer
from tests.waiting import wait_until

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
SUITES = {"engine.io": "ENGINEIO_DIR", "socket.io": "SOCKETIO_DIR"}
PACKAGES = ["chai@4", "chai-string@1", "mocha@9", "node-fetch@3", "ws@8.23"]
# What the suites are written for.
OWN_URL, OWN_PING = "http://localhost:3000", (300, 200)
SUITE_SECONDS = 300
IMPORTS = """
import fetch from "node-fetch";
import { WebSocket as Base } from "ws";
import chai from "chai";
import chaiString from "chai-string";

class WebSocket extends Base {
  constructor(url) {
    super(url, { allowSynchronousEvents: false });
  }
}
chai.use(chaiString);
Object.assign(globalThis, { fetch, WebSocket, chai });
"""


def main() -> int:
    """Run both suites; 1 if a test failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--ping", default="300/200", help="interval and time-out in milliseconds")
    parser.add_argument("--times", type=int, default=1)
    options = parser.parse_args()
    if missing := what_is_missing():
        say(f"Socket.IO's suites: not run: {missing}")
        return 0
    with tempfile.TemporaryDirectory(prefix="ngw2f-suites-") as place:
        modules = install(Path(place))
        with running_server(Path(place), options.workers, options.ping) as running:
            results = [
                run_suite(name, modules, Path(place), running.url, options.ping)
                for _ in range(options.times)
                for name in SUITES
            ]
    return 0 if all(results) else 1


def what_is_missing() -> str | None:
    """Say what keeps the suites from being run."""
    for name, variable in SUITES.items():
        if not (Path(os.environ.get(variable, "")) / "test-suite/test-suite.js").is_file():
            return f"{variable} does not name a checkout of github.com/socketio/{name}-protocol"
    if not shutil.which("node") or not shutil.which("npm"):
        return "there is no node or npm; install Node 20 or later"
    return None


def install(place: Path) -> Path:
    """Return the folder with what the suites need, `CONFORMANCE_NODE_MODULES` or npm's."""
    if given := os.environ.get("CONFORMANCE_NODE_MODULES"):
        return Path(given)
    command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(place), *PACKAGES]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return place / "node_modules"


class Running(NamedTuple):
    url: str
    redis_url: str
    # gunicorn's master.
    pid: int


@contextmanager
def running_server(place: Path, workers: int, ping: str) -> Iterator[Running]:
    redis, port = RedisServer(place), free_port()
    environment = {**os.environ, "CONFORMANCE_REDIS_URL": redis.url, "CONFORMANCE_PING": ping}
    command = [sys.executable, "-m", "gunicorn", "-c", str(HERE / "gunicorn_config.py")]
    options = ["-w", str(workers), "-b", f"127.0.0.1:{port}"]
    application = "tests.conformance.socketio.application:build()"
    redis.start()
    server = subprocess.Popen([*command, *options, application], cwd=ROOT, env=environment)
    try:
        wait_until(lambda: _answers(port))
        yield Running(f"http://127.0.0.1:{port}", redis.url, server.pid)
    finally:
        server.terminate()
        server.wait()
        redis.stop()


def run_suite(name: str, modules: Path, place: Path, url: str, ping: str) -> bool:
    """Run a copy of a suite, with this server's address and times; say how many passed."""
    folder = place / name
    folder.mkdir(exist_ok=True)
    text = (Path(os.environ[SUITES[name]]) / "test-suite/test-suite.js").read_text()
    for constant, own, ours in zip(
        ("PING_INTERVAL", "PING_TIMEOUT"), OWN_PING, ping.split("/"), strict=True
    ):
        text = text.replace(f"{constant} = {own}", f"{constant} = {ours}")
    # Each test waits for several pings.
    limit = str(20 * max(map(int, ping.split("/"))))
    text = text.replace("this.timeout(5000)", f"this.timeout({limit})")
    (folder / "test-suite.js").write_text(text.replace(OWN_URL, url))
    (folder / "node-imports.js").write_text(IMPORTS)
    (folder / "package.json").write_text('{"type": "module"}')
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(modules.absolute())
    mocha = ["node", "node_modules/mocha/bin/_mocha", "test-suite.js"]
    options = ["--exit", "--reporter", "json", "--timeout", limit]
    done = subprocess.run(
        [*mocha, *options], cwd=folder, stdout=subprocess.PIPE, text=True, timeout=SUITE_SECONDS
    )
    report = json.loads(done.stdout[done.stdout.index("{") :])
    stats = report["stats"]
    say(f"{name}: {stats['passes']} of {stats['tests']} passed")
    for failure in report["failures"]:
        say(f"{name}: failed: {failure['fullTitle']}: {failure['err'].get('message')}")
    return bool(stats["passes"] == stats["tests"])


def say(line: str) -> None:
    """Write a line at once: a run takes a minute."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _answers(port: int) -> bool:
    try:
        requests.get(f"http://127.0.0.1:{port}/socket.io/", timeout=1)
    except requests.RequestException:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())

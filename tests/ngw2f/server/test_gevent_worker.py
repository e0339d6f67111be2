"""The worker under gunicorn's own master, with an application of a few lines."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from examples.transcript.machine import free_port
from tests.waiting import wait_until

GET = b"GET %b HTTP/1.1\r\nHost: chat\r\n\r\n"
# An application that says with files where it is, and waits for files.
APPLICATION = """
import gevent, os, pathlib
from gevent.monkey import get_original
HERE = pathlib.Path(os.environ["HERE"])

def wait_for(name, pause):
    (HERE / ("before-" + name)).touch()
    while not (HERE / name).exists():
        pause(0.01)

class Application:
    def __call__(self, environ, start_response):
        if environ["PATH_INFO"] == "/slow":
            try:
                wait_for("finish", gevent.sleep)
            finally:
                (HERE / "finished").touch()
        if environ["PATH_INFO"] == "/alone":
            wait_for("go", get_original("time", "sleep"))
        if environ["PATH_INFO"] == "/work":
            # As computing does, for longer than a turn.
            get_original("time", "sleep")(0.02)
            with (HERE / "addresses").open("a") as file:
                file.write(environ["REMOTE_ADDR"] + "\\n")
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    def drain(self):
        (HERE / "drained").touch()

    def close(self):
        (HERE / ("closed" if (HERE / "finished").exists() else "closed too early")).touch()

application = Application()
plain = application.__call__
if "WAITS" in os.environ:
    import time
    wait_for("boot", time.sleep)
"""

# The hooks that no worker of this kind is without.
CONFIGURATION = """
from ngw2f.server import hooks

def on_starting(server):
    hooks.unblock_stop_signals_after_forks()

def pre_fork(server, worker):
    hooks.block_stop_signals()

def post_worker_init(worker):
    hooks.unblock_stop_signals()

def worker_exit(server, worker):
    if hasattr(getattr(worker, "wsgi", None), "close"):
        hooks.close(worker)
"""


class Server:
    """gunicorn with one worker of ours."""

    def __init__(self, directory: Path, name: str, *options: str, **environment: str) -> None:
        self.directory = directory
        (directory / "tiny.py").write_text(APPLICATION)
        (directory / "gunicorn.conf.py").write_text(CONFIGURATION)
        self.log = directory / "log"
        self.port = free_port()
        # Longer than tests wait: a worker that goes within their time has ended by itself.
        command = [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{self.port}", "-k",
                   "ngw2f.server.gevent_worker.ChatGeventWorker", "--no-control-socket",
                   "--graceful-timeout", "300", *options, f"tiny:{name}"]  # fmt: skip
        path = os.pathsep.join([str(Path(__file__).parents[3]), str(directory)])
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                # gunicorn takes the configuration that is in this folder.
                cwd=directory,
                env={**os.environ, "HERE": str(directory), "PYTHONPATH": path, **environment},
                stdout=log,
                stderr=log,
            )

    def worker(self) -> int:
        """Return the newest worker's pid, 0 before there is one."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[-1]) if children else 0

    def connect(self, address: str = "127.0.0.1") -> socket.socket:
        there = ("127.0.0.1", self.port)
        return socket.create_connection(there, timeout=60, source_address=(address, 0))

    def ask(self, path: bytes = b"/", address: str = "127.0.0.1") -> socket.socket:
        """Return a connection from an address, on which a request is under way."""
        sock = wait_until(lambda: self._try_to_connect(address), 60)
        sock.sendall(GET % path)
        return sock

    def has(self, name: str) -> bool:
        return (self.directory / name).exists()

    def touch(self, name: str) -> None:
        (self.directory / name).touch()

    def _try_to_connect(self, address: str) -> socket.socket | None:
        try:
            return self.connect(address)
        except ConnectionRefusedError:
            return None


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    servers = []

    def run(name: str = "application", *options: str, **environment: str) -> Server:
        servers.append(Server(tmp_path, name, *options, **environment))
        return servers[-1]

    yield run
    for server in servers:
        server.process.terminate()
        server.process.wait(60)


def read_answer(sock: socket.socket) -> bytes:
    answer = b""
    while not answer.endswith(b"ok"):
        some = sock.recv(4096)
        assert some, answer
        answer += some
    return answer


def gone(pid: int) -> Callable[[], bool]:
    return lambda: not Path(f"/proc/{pid}").exists()


def test_application_is_drained_and_requests_are_finished(start: Callable[..., Server]) -> None:
    server = start()
    with server.ask(b"/slow") as sock:
        wait_until(lambda: server.has("before-finish"))
        worker = server.worker()
        os.kill(worker, signal.SIGTERM)
        wait_until(lambda: server.has("drained"))
        assert not gone(worker)()
        server.touch("finish")
        assert read_answer(sock).startswith(b"HTTP/1.1 200")
        # There is no other request on this connection.
        assert sock.recv(100) == b""
    wait_until(gone(worker))
    assert "Traceback" not in server.log.read_text()


def test_told_to_stop_at_once_it_ends_requests_before_it_closes(
    start: Callable[..., Server],
) -> None:
    server = start()
    with server.ask(b"/slow") as sock:
        wait_until(lambda: server.has("before-finish"), 60)
        worker = server.worker()
        os.kill(worker, signal.SIGQUIT)
        assert sock.recv(100) == b""
    wait_until(gone(worker))
    assert server.has("closed")
    assert "Traceback" not in server.log.read_text()


def test_idle_connections_are_closed(start: Callable[..., Server]) -> None:
    server = start("application", "--keep-alive", "300")
    # Taken in their order: when the second is answered, the first one is not in the backlog.
    with (
        wait_until(lambda: server._try_to_connect("127.0.0.1"), 60) as silent,
        server.ask() as idle,
    ):
        read_answer(idle)
        worker = server.worker()
        os.kill(worker, signal.SIGTERM)
        assert idle.recv(100) == b""
        assert silent.recv(100) == b""
    wait_until(gone(worker))
    assert "Traceback" not in server.log.read_text()


def test_next_request_that_is_on_its_way_is_answered(start: Callable[..., Server]) -> None:
    server = start("application", "--keep-alive", "60")
    with server.ask() as sock:
        read_answer(sock)
        worker = server.worker()
        # Whatever it is at: both are there when it looks.
        os.kill(worker, signal.SIGSTOP)
        os.kill(worker, signal.SIGTERM)
        sock.sendall(GET % b"/")
        os.kill(worker, signal.SIGCONT)
        assert b"200 OK" in read_answer(sock)


def test_application_without_a_drain_is_served(start: Callable[..., Server]) -> None:
    server = start("plain")
    with server.ask() as sock:
        read_answer(sock)
    worker = server.worker()
    os.kill(worker, signal.SIGTERM)
    wait_until(gone(worker))
    assert "Traceback" not in server.log.read_text()


def test_request_that_hangs_holds_it_up_for_a_limited_time(start: Callable[..., Server]) -> None:
    server = start("application", "--graceful-timeout", "1")
    with server.ask(b"/slow") as sock:
        wait_until(lambda: server.has("before-finish"))
        worker = server.worker()
        os.kill(worker, signal.SIGTERM)
        wait_until(gone(worker))
        assert sock.recv(100) == b""
    assert "Worker graceful timeout" in server.log.read_text()


def test_told_to_stop_while_it_boots(start: Callable[..., Server]) -> None:
    server = start(WAITS="1")
    wait_until(lambda: server.has("before-boot"), 60)
    worker = server.worker()
    os.kill(worker, signal.SIGTERM)
    server.touch("boot")
    wait_until(gone(worker))
    # The master starts another one, which serves.
    with server.ask() as sock:
        read_answer(sock)
    assert "Traceback" not in server.log.read_text()


def test_told_to_stop_as_soon_as_it_is_there(start: Callable[..., Server]) -> None:
    server = start()
    for _ in range(5):
        while not (worker := server.worker()):
            pass  # Without a pause, to come during the fork.
        os.kill(worker, signal.SIGTERM)
        wait_until(gone(worker))


def test_several_workers_share_the_connections(start: Callable[..., Server]) -> None:
    server = start("application", "--workers", "2")
    for _ in range(4):
        with server.ask() as sock:
            read_answer(sock)


def test_addresses_take_turns(start: Callable[..., Server]) -> None:
    """Whoever has one request waits for few of those of whoever has many."""
    server = start()
    with ExitStack() as stack:
        stack.enter_context(server.ask(b"/alone"))
        wait_until(lambda: server.has("before-go"))
        # They are all there when the worker looks again.
        senders = ["127.0.0.2"] * 40 + ["127.0.0.3"]
        sockets = [stack.enter_context(server.ask(b"/work", sender)) for sender in senders]
        server.touch("go")
        for sock in sockets:
            read_answer(sock)
    addresses = (server.directory / "addresses").read_text().split()
    assert len(addresses) == 41
    assert addresses.index("127.0.0.3") < 20


def test_no_plugins_are_looked_for() -> None:
    """That would take a sixth of a second, in each worker."""
    code = """
import importlib.metadata
from ngw2f.server.gevent_worker import ChatGeventWorker
importlib.metadata.entry_points = None
worker = ChatGeventWorker.__new__(ChatGeventWorker)
worker.sockets = []
worker.patch()
import gevent.socket, socket
assert socket.socket is gevent.socket.socket
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_master_loads_nothing_that_serves(tmp_path: Path) -> None:
    """It would take six megabytes, and new workers would have the old code after a reload."""
    code = """
import runpy, sys
from gunicorn.util import load_class
settings = runpy.run_path("gunicorn.conf.py")
load_class(settings["worker_class"])
print({"gevent", "werkzeug", "redis", "sqlalchemy", "app"} & set(sys.modules))
"""
    environ = {**os.environ, "NGW2F_DATA_DIR": str(tmp_path)}
    told = subprocess.check_output([sys.executable, "-c", code], env=environ, text=True, timeout=60)
    assert told == "set()\n"

"""Start, stop, reload and upgrade of the real server."""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from ngw2f.broker.embedded import MAX_SOCKET_PATH_BYTES
from ngw2f.locks import is_locked
from ngw2f.server.embedded import LOCK_NAME
from ngw2f.store.migrations import versions as migrations
from tests.migrated import copy_migrated
from tests.server.server import ROOT, Server, run_server
from tests.waiting import HANGING_SECONDS, PAUSE_SECONDS, listens_to, wait_until

# gunicorn's lines.
LOGGED = re.compile(r"^\[\d+-\d+-\d+ ")
MIGRATIONS = sorted(Path(migrations.__file__).parent.glob("0*.py"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a server for the tests that leave it whole."""
    data_dir = tmp_path_factory.mktemp("whole") / ("x" * 100) / "var"
    data_dir.parent.mkdir()
    with run_server(data_dir, "--workers=2", MAX_BODY_BYTES=1000, ANONYMOUS_RAED="false") as server:
        yield server


def test_from_start_to_rendered_message(whole: Server) -> None:
    server, data_dir = whole, whole.data_dir
    lines = [line for line in server.text.splitlines() if "The chat is at" in line]
    assert len(lines) == 1
    assert f"data in {data_dir} (SQLite); Valkey and 2 RQ workers embedded." in lines[0]
    ann = server.join("ann")
    body = {"source": "hello *world* http://example.com"}
    posted = server.post("/api/messages", json=body, headers=ann)
    assert posted.status_code == 201
    message = server.wait_until_rendered()[posted.json()["id"]]
    assert message["html"] == (
        '<p>hello <em>world</em> <a href="http://example.com" rel="nofollow noopener">'
        "http://example.com</a></p>"
    )
    assert "Traceback" not in server.text


def post_link(server: Server) -> None:
    someone = server.join(uuid.uuid4().hex[:12])
    body = {"source": "http://127.0.0.1:1/"}
    assert server.post("/api/messages", json=body, headers=someone).status_code == 201


def written_and_shared(pid: int) -> tuple[int, int]:
    """Return the kB that a process has written since its fork, and those that it still shares."""
    fields = Path(f"/proc/{pid}/smaps_rollup").read_text().split()
    written, shared = (
        fields[fields.index(name) + 1] for name in ("Private_Dirty:", "Shared_Dirty:")
    )
    return int(written), int(shared)


@pytest.mark.parametrize("what", ["--queues=render", "--queues=links", "ngw2f cron"])
def test_forks_share_what_their_supervisor_loaded(whole: Server, what: str) -> None:
    post_link(whole)
    written, shared = written_and_shared(whole.pid(what))
    # Of a process that loads for itself next to nothing is shared; jobs that run write some more.
    assert written < 2 * shared


def test_second_start_says_so_and_stops(whole: Server) -> None:
    server, data_dir = whole, whole.data_dir
    second = Server(data_dir)
    assert second.master.wait(HANGING_SECONDS) != 0
    line = f"ngw2f: {data_dir} is in use by another server (pid {server.master.pid}); "
    assert [part for part in second.text.splitlines() if "ngw2f:" in part] == [
        line + "stop that one, or set NGW2F_DATA_DIR"
    ]
    assert "Traceback" not in second.text
    assert server.get("/readyz").status_code == 200


def test_start_without_standard_streams(data_dir: Path, tmp_path: Path) -> None:
    """The lifeline must not get one of their numbers; nothing is said to anybody."""
    address = tmp_path / "socket"
    script = Path(sys.executable).with_name("gunicorn")
    options = ["-c", "gunicorn.conf.py", f"--bind=unix:{address}", "app:application"]
    closed = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
    copy_migrated(data_dir)
    environ = {**os.environ, "NGW2F_DATA_DIR": str(data_dir)}
    command = [*closed, sys.executable, str(script), *options]
    with subprocess.Popen(command, cwd=ROOT, env=environ) as master:
        try:
            wait_until(lambda: address.exists() or master.poll() is not None)
            wait_until(lambda: is_locked(data_dir / LOCK_NAME))
        finally:
            master.terminate()
        assert master.wait(HANGING_SECONDS) == 0
    wait_until(lambda: not is_locked(data_dir / LOCK_NAME))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGKILL])
def test_no_process_is_left(start: Callable[..., Server], number: signal.Signals) -> None:
    server = start()
    # The links' worker and its fetch process come with the first link.
    wait_until(lambda: len(server.processes()) == 6)
    post_link(server)
    wait_until(lambda: len(server.processes()) == 8)
    server.master.send_signal(number)
    code = server.master.wait(HANGING_SECONDS)
    assert code == (-signal.SIGKILL if number == signal.SIGKILL else 0)
    wait_until(lambda: not server.processes())


def test_worker_that_is_told_to_stop_while_it_boots_ends(
    start_web: Callable[..., Server], tmp_path: Path
) -> None:
    told = tmp_path / "told"
    configuration = tmp_path / "early.py"
    configuration.write_text(
        f"""
import os, pathlib, signal
exec(pathlib.Path("gunicorn.conf.py").read_text())
after_fork = post_fork

def post_fork(server, worker):
    after_fork(server, worker)
    if not os.path.exists({str(told)!r}):
        pathlib.Path({str(told)!r}).write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGTERM)
"""
    )
    server = start_web(f"--config={configuration}")
    worker = int(told.read_text())
    wait_until(lambda: worker not in server.processes())
    # The master hears what is meant for it.
    server.master.terminate()
    assert server.master.wait(HANGING_SECONDS) == 0


def test_ctrl_c_reaches_the_master_alone(whole: Server) -> None:
    """The terminal sends SIGINT to the whole group: the supervisor is in another."""
    assert os.getpgid(whole.supervisor) != os.getpgid(whole.master.pid)


def test_start_again_after_a_kill(start: Callable[..., Server], data_dir: Path) -> None:
    server = start()
    ann = server.join("ann")
    server.post("/api/messages", json={"source": "before"}, headers=ann)
    server.master.kill()
    server.master.wait()
    again = start()
    assert [m["source"] for m in again.wait_until_rendered().values()] == ["before"]


def test_reload_replaces_web_workers_alone(whole: Server) -> None:
    server = whole
    kept, before = (server.valkey, server.rq_worker, server.supervisor), server.web_workers()
    server.master.send_signal(signal.SIGHUP)
    wait_until(lambda: len(server.web_workers()) == 2 and not server.web_workers() & before)
    assert (server.valkey, server.rq_worker, server.supervisor) == kept
    wait_until(lambda: server.get("/readyz").status_code == 200)


def wait_for_successor(server: Server) -> int:
    """Wait until the master that SIGUSR2 has started has a worker, and return its pid."""

    def has_worker(master: int) -> bool:
        # Before that, it would miss what its master tells it. A program that the master
        # starts looks like a worker, too, until it is executed, but never listens to that.
        with suppress(FileNotFoundError, ProcessLookupError):
            return any(listens_to(pid, signal.SIGABRT) for pid in server.web_workers(master))
        return False

    (new,) = wait_until(lambda: [pid for pid in server.web_workers() if has_worker(pid)])
    return new


def test_hot_upgrade_keeps_serving(start: Callable[..., Server], data_dir: Path) -> None:
    server = start()
    valkey, old = server.valkey, server.master
    old.send_signal(signal.SIGUSR2)
    new = wait_for_successor(server)
    assert server.get("/readyz").status_code == 200
    old.send_signal(signal.SIGQUIT)
    old.wait(HANGING_SECONDS)
    try:
        assert server.valkey == valkey
        posted = server.post("/api/messages", json={"source": "*a*"}, headers=server.join("ann"))
        assert posted.status_code == 201
        server.wait_until_rendered()
        assert server.valkey == valkey
    finally:
        os.kill(new, signal.SIGTERM)
        wait_until(lambda: not server.processes())


def test_upgrade_that_is_taken_back(whole: Server) -> None:
    """The new master is stopped: the old one goes on with the embedded parts."""
    server = whole
    valkey = server.valkey
    server.master.send_signal(signal.SIGUSR2)
    new = wait_for_successor(server)
    os.kill(new, signal.SIGTERM)
    wait_until(lambda: new not in server.processes())
    assert server.valkey == valkey
    assert server.get("/readyz").status_code == 200


def test_migrated_once_for_three_workers(start_web: Callable[..., Server], data_dir: Path) -> None:
    start_web("--workers=3", is_migrated=False)
    with closing(sqlite3.connect(data_dir / "chat.sqlite3")) as connection:
        rooms = connection.execute("SELECT name FROM rooms").fetchall()
        versions = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    assert (rooms, versions) == ([("lobby",)], [(MIGRATIONS[-1].name[:4],)])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_BODY_BYTES", "plenty"),
        ("LOG_LEVEL", "LOUD"),
        ("REDIS_URL", "localhost"),
        ("REDIS_URL", "redis://localhost?timeout=1"),
        ("PROFILE_DIR", "/proc/none"),
        ("DATABASE_URL", "mysql://x"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "postgresql://chat:hush@127.0.0.1:1/chat"),
    ],
)
def test_wrong_setting_stops_the_start(data_dir: Path, name: str, value: str) -> None:
    server = Server(data_dir, **{name: value})
    try:
        assert server.master.wait(HANGING_SECONDS) != 0
    finally:
        server.stop()
    lines = [line for line in server.text.splitlines() if not LOGGED.match(line)]
    assert len(lines) == 1
    assert lines[0].startswith(f"ngw2f: NGW2F_{name}: ")
    assert "Traceback" not in server.text
    assert "hush" not in server.text


def test_data_dir_that_cannot_be(data_dir: Path) -> None:
    data_dir.touch()
    server = Server(data_dir)
    assert server.master.wait(HANGING_SECONDS) != 0
    server.stop()
    (line,) = [line for line in server.text.splitlines() if not LOGGED.match(line)]
    assert line.startswith("ngw2f: NGW2F_DATA_DIR: ")


def test_unknown_setting_is_warned_of(whole: Server) -> None:
    assert "NGW2F_ANONYMOUS_RAED is not a setting" in whole.text


def test_long_data_dir_gets_a_short_socket(whole: Server) -> None:
    assert len(str(whole.data_dir)) > MAX_SOCKET_PATH_BYTES
    assert whole.get("/readyz").status_code == 200


def test_stats_are_over_all_workers(start_web: Callable[..., Server]) -> None:
    """What one process tells is what all have counted; both know of every request."""
    server = start_web("--workers=2")
    before = server.output.stat().st_mtime
    asked = [server.get("/healthz") for _ in range(60)]
    polled: list[float] = []

    def counted() -> bool:
        polled.append(server.get("/stats").json()["requests_per_second"] * 15)
        # Not a whole number: the rate is rounded.
        return polled[-1] >= len(asked) - 1

    wait_until(counted)
    made_while_starting = 2 * (time.time() - before) / PAUSE_SECONDS
    assert polled[-1] <= len(asked) + len(polled) + made_while_starting


def test_body_over_the_limit_is_not_waited_for(whole: Server) -> None:
    bob = whole.join("bob")
    host, port = whole.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=HANGING_SECONDS) as connection:
        head = [
            "POST /api/messages HTTP/1.1",
            "Host: x",
            f"Authorization: {bob['Authorization']}",
            "Content-Type: application/json",
            "Content-Length: 1001",
        ]
        connection.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_one_date_field(whole: Server) -> None:
    tag = whole.get("/api/messages").headers["ETag"]
    for match in (tag, '"other"'):
        answer = whole.get("/api/messages", headers={"If-None-Match": match})
        assert len(answer.raw.headers.getlist("Date")) == 1


def test_head_has_no_body_and_keeps_the_connection(whole: Server) -> None:
    host, port = whole.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=HANGING_SECONDS) as connection:
        connection.sendall(b"HEAD /api/messages HTTP/1.1\r\nHost: x\r\n\r\n")
        first = connection.recv(4000)
        assert first.startswith(b"HTTP/1.1 200 ")
        assert first.endswith(b"\r\n\r\n")
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(4000).startswith(b"HTTP/1.1 200 ")

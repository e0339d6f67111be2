"""What tests/server/test_reload.py does not show on a running server."""

import logging
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn import sock
from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.errors import HaltServer

from ngw2f.server import reload_guard, renewal
from ngw2f.server import reload_trial as trial
from ngw2f.server.reload_guard import guard_reload
from ngw2f.server.systemd import Systemd
from tests.waiting import wait_until

ROOT = Path(__file__).parents[3]
APPLICATION = "def application(environ, start_response): ...\n"


class Temporary:
    """A worker's file, as gunicorn has one."""

    def __init__(self) -> None:
        self.is_open = True

    def fileno(self) -> int:
        if not self.is_open:
            raise ValueError
        return 3

    def close(self) -> None:
        self.is_open = False


def worker(age: int, *, is_serving: bool = True) -> SimpleNamespace:
    return SimpleNamespace(age=age, is_serving=is_serving, tmp=Temporary())


class Master:
    """gunicorn's master, as far as a reload knows it."""

    # What guard_reload gives, of which tests replace parts.
    guard: Any

    def __init__(self, directory: Path) -> None:
        self.START_CTX = {"cwd": str(directory)}
        self.log = logging.getLogger("test")
        self.pid, self.master_pid, self.reexec_pid = os.getpid(), 0, 0
        self.num_workers, self.worker_age = 1, 1
        self.WORKERS = {10: worker(1)}
        self.LISTENERS: list[Any] = []
        self.pidfile, self.proc_name = None, "test"
        self.done: list[Any] = []
        self.ended: list[int] = []
        self.app = SimpleNamespace(cfg=self.configuration(directory))
        self.setup(self.app)

    def configuration(self, directory: Path, bind: str = "127.0.0.1:0") -> Config:
        made = Config()
        made.set("bind", bind)
        made.set("pidfile", str(directory / "pid"))
        made.set("child_exit", lambda server, worker: self.ended.append(worker.age))
        return made

    def setup(self, app: SimpleNamespace) -> None:
        self.cfg = app.cfg

    def handle_hup(self) -> None:
        self.done.append("reload")
        self.worker_age += 1
        self.WORKERS[10 + self.worker_age] = worker(self.worker_age, is_serving=False)
        self.manage_workers()
        raise AssertionError("it waits for the old workers")

    def manage_workers(self) -> None:
        self.done.append("manage")

    def reap_workers(self) -> None:
        self.done.append("reap")

    def kill_worker(self, pid: int, number: signal.Signals) -> None:
        self.done.append((pid, number))


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Master:
    """Give a master of a configuration and an application in *tmp_path*."""
    (tmp_path / "gunicorn.conf.py").touch()
    (tmp_path / "small.py").write_text(APPLICATION)
    monkeypatch.setattr(sys, "argv", ["gunicorn", "small:application"])
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("NGW2F_DATA_DIR", str(tmp_path / "var"))
    made = Master(tmp_path)
    made.guard = guard_reload(made, Systemd({}))
    made.manage_workers()
    made.done.clear()
    return made


@pytest.fixture
def passing(server: Master, monkeypatch: pytest.MonkeyPatch) -> Master:
    """Give a master whose checks pass at once."""
    monkeypatch.setattr(
        reload_guard, "Trial", lambda *_: SimpleNamespace(verdict=lambda: True, is_late=False)
    )
    return server


def told(server: Master) -> str:
    return renewal.read(Path(server.cfg.pidfile), os.getpid())


def reload_until(server: Master, word: str) -> None:
    """Turn the master's loop until the reload has an end."""
    renewal.forget(Path(server.cfg.pidfile))
    server.handle_hup()

    def turn() -> bool:
        server.manage_workers()
        return told(server) == word

    wait_until(turn)


def test_good_is_loaded(server: Master, tmp_path: Path) -> None:
    server.handle_hup()

    def turn() -> bool:
        server.manage_workers()
        return "reload" in server.done

    wait_until(turn)
    assert (tmp_path / "var" / "chat.sqlite3").exists()
    server.WORKERS[12].is_serving = True
    server.manage_workers()
    assert server.done[-2:] == ["reload", "manage"]
    assert told(server) == renewal.READY


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("gunicorn.conf.py", "import sys; sys.exit('wrong')"),
        ("small.py", "application ="),
        # A library that is loaded late.
        ("prometheus_client.py", "Counter ="),
        # What cannot be migrated.
        ("settings.toml", "[default]\nno_setting = 1\n[development]\n"),
    ],
)
def test_bad_is_refused(
    server: Master, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, text: str
) -> None:
    """Each stops another part of the check."""
    (tmp_path / name).write_text(text)
    reload_until(server, renewal.REFUSED)
    assert "reload" not in server.done
    assert "the old workers go on" in caplog.text


def test_check_that_hangs_is_refused(
    server: Master, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(trial, "TRIAL_SECONDS", -1.0)
    reload_until(server, renewal.REFUSED)
    assert "reload" not in server.done
    assert "the check takes too long" in caplog.text


def test_check_that_cannot_begin_is_refused(server: Master) -> None:
    server.START_CTX["cwd"] = "/nowhere"
    server.handle_hup()
    assert told(server) == renewal.REFUSED


def test_reload_of_an_upgrade_under_way_is_refused(server: Master) -> None:
    server.master_pid = 1
    server.handle_hup()
    assert told(server) == renewal.REFUSED


def test_what_has_become_bad_since_the_check_is_refused(passing: Master) -> None:
    good = passing.cfg
    passing.guard._reload = lambda: sys.exit(1)
    passing.handle_hup()
    passing.manage_workers()
    assert told(passing) == renewal.REFUSED
    assert passing.cfg is good


def test_worker_ends_as_it_does(passing: Master) -> None:
    """It was forked in a reload, and its end goes through that."""
    passing.pid = 1
    passing.guard._reload = lambda: sys.exit(0)
    passing.handle_hup()
    with pytest.raises(SystemExit):
        passing.manage_workers()


def test_new_worker_that_ends_is_not_waited_for(passing: Master) -> None:
    passing.handle_hup()
    passing.manage_workers()
    passing.guard._reap_workers = lambda: passing.WORKERS.pop(12)
    passing.reap_workers()
    passing.manage_workers()
    assert told(passing) == renewal.REFUSED


def test_new_worker_that_hangs_is_killed(passing: Master, monkeypatch: pytest.MonkeyPatch) -> None:
    passing.num_workers = 2
    passing.handle_hup()
    passing.manage_workers()
    passing.WORKERS[13] = worker(3)
    monkeypatch.setattr(reload_guard, "SERVING_SECONDS", -1.0)
    passing.manage_workers()
    assert passing.done[-2:] == [(12, signal.SIGKILL), (13, signal.SIGTERM)]
    assert told(passing) == renewal.REFUSED


def test_old_worker_is_not_stopped_for_a_new_one_that_is_taken_back(
    passing: Master, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gunicorn counts one that is killed until it has reaped it, and stops the oldest of two."""
    passing.handle_hup()
    passing.manage_workers()
    passing.guard.abandon()
    monkeypatch.setattr(passing, "_last_logged_active_worker_count", 1, raising=False)
    passing.guard._manage_workers = partial(Arbiter.manage_workers, passing)
    passing.manage_workers()
    assert {pid for pid, _ in passing.done[-2:]} == {12}


def test_old_address_is_served_again(passing: Master, tmp_path: Path) -> None:
    """The new one could be had, but not served."""
    passing.LISTENERS = sock.create_sockets(passing.cfg, passing.log)
    address = passing.LISTENERS[0].getsockname()

    def move() -> None:
        passing.app.cfg = passing.configuration(tmp_path, f"unix:{tmp_path}/socket")
        passing.setup(passing.app)
        for listener in passing.LISTENERS:
            listener.close()
        passing.LISTENERS = sock.create_sockets(passing.cfg, passing.log)
        passing.manage_workers()

    passing.guard._reload = move
    passing.handle_hup()
    passing.manage_workers()
    assert told(passing) == renewal.REFUSED
    assert [each.getsockname() for each in passing.LISTENERS] == [address]
    passing.LISTENERS[0].close()


def test_worker_lets_go_of_what_is_kept_for_the_master(passing: Master) -> None:
    passing.LISTENERS = sock.create_sockets(passing.cfg, passing.log)
    passing.handle_hup()
    passing.manage_workers()
    (kept,) = passing.guard._succession.listeners
    passing.guard.forget()
    assert kept.sock is None
    passing.LISTENERS[0].close()


def test_worker_of_another_class_serves(passing: Master) -> None:
    passing.handle_hup()
    passing.manage_workers()
    del passing.WORKERS[12].is_serving
    passing.manage_workers()
    assert told(passing) == renewal.READY


def halt(server: Master, pid: int) -> None:
    """Have gunicorn find that a worker failed to boot, as it does."""
    reaps = [1]

    def reap() -> None:
        if reaps:
            reaps.clear()
            server.WORKERS.pop(pid)
            raise HaltServer("Worker failed to boot.", 3)

    server.guard._reap_workers = reap
    server.reap_workers()


def test_worker_that_fails_to_boot_later_is_started_again_after_a_pause(
    server: Master, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = server.WORKERS[10]
    halt(server, 10)
    assert server.ended == [ended.age]
    assert not ended.tmp.is_open
    server.manage_workers()
    assert server.done == []
    later = time.monotonic() + reload_guard.FIRST_PAUSE_SECONDS
    monkeypatch.setattr(time, "monotonic", lambda: later)
    server.manage_workers()
    assert server.done == ["manage"]


def test_first_worker_that_fails_to_boot_ends_the_server(tmp_path: Path) -> None:
    server = Master(tmp_path)
    server.WORKERS[10].is_serving = False
    server.guard = guard_reload(server, Systemd({}))
    with pytest.raises(HaltServer):
        halt(server, 10)


def test_second_worker_that_fails_to_boot_does_not_keep_the_server_from_its_end(
    tmp_path: Path,
) -> None:
    """gunicorn reaps it while it stops, and would end with a traceback."""
    server = Master(tmp_path)
    server.WORKERS = {pid: worker(pid, is_serving=False) for pid in (10, 11)}
    server.guard = guard_reload(server, Systemd({}))
    with pytest.raises(HaltServer):
        halt(server, 10)
    halt(server, 11)
    assert server.ended == [11]


def test_end_of_the_upgrades_master_is_told(server: Master) -> None:
    server.reexec_pid = 20
    server.manage_workers()
    server.reexec_pid = 0
    server.manage_workers()
    assert told(server) == renewal.REFUSED

import faulthandler
import gc
import logging
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from gunicorn.config import Config
from gunicorn.errors import AppImportError
from redis import Redis

from ngw2f.server import hooks
from ngw2f.server.embedded import Embedded, EmbeddedError
from ngw2f.server.service import Service
from ngw2f.settings import Settings
from tests.migrated import copy_migrated


def worker(service: object = None) -> SimpleNamespace:
    made = SimpleNamespace(pid=5, log=logging.getLogger("test"))
    if service:
        made.wsgi = service
    return made


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (
            Settings(data_dir="/srv/chat", embedded_workers=2),
            "data in /srv/chat (SQLite); Valkey and 3 RQ workers embedded.",
        ),
        (
            Settings(
                data_dir="/srv/chat", database_url="postgresql:///x", redis_url="redis://localhost"
            ),
            "data in /srv/chat (PostgreSQL); Redis of your own.",
        ),
    ],
    ids=["embedded", "own"],
)
def test_start_line(settings: Settings, line: str) -> None:
    server = SimpleNamespace(LISTENERS=["http://127.0.0.1:8000"])
    assert hooks.describe(settings, server) == f"The chat is at http://127.0.0.1:8000 ; {line}"


def test_nothing_embedded_with_own_redis() -> None:
    assert hooks.start_embedded(Settings(redis_url="redis://localhost")) is None


def test_embedded_that_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Embedded) -> None:
        raise EmbeddedError("var is in use")

    monkeypatch.setattr("ngw2f.server.embedded.Embedded.start", fail)
    with pytest.raises(SystemExit, match=r"^ngw2f: var is in use$"):
        hooks.start_embedded(Settings())


def test_worker_waits_for_valkey() -> None:
    """It shows the master that it lives; and it ends if it must stop."""
    shown = []
    waiting = SimpleNamespace(notify=lambda: shown.append(1), embedded=None)
    hooks.wait_for_embedded(waiting)
    waiting.embedded = SimpleNamespace(wait=lambda look: look())
    hooks.wait_for_embedded(waiting)
    assert shown == [1]
    hooks.block_stop_signals()
    try:
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(SystemExit):
            hooks.wait_for_embedded(waiting)
        signal.sigwait([signal.SIGTERM])
    finally:
        hooks.unblock_stop_signals()


def test_worker_without_valkey_says_why() -> None:
    def fail(_look: object) -> None:
        raise EmbeddedError("Valkey does not answer")

    with pytest.raises(AppImportError, match=r"^ngw2f: Valkey does not answer$"):
        hooks.wait_for_embedded(SimpleNamespace(embedded=SimpleNamespace(wait=fail)))


def test_stacks_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    hooks.log_stacks(worker())
    assert "worker 5 did not answer" in caplog.text
    assert "test_stacks_are_logged" in caplog.text


def test_crash_in_c_is_dumped() -> None:
    was_enabled = faulthandler.is_enabled()
    faulthandler.disable()
    hooks.dump_stacks_on(worker())
    assert faulthandler.is_enabled()
    hooks.dump_stacks_on(worker())
    if not was_enabled:
        faulthandler.disable()


def test_close_writes_down_what_was_counted(service: Service, redis: Redis) -> None:
    service.services.meter.count()
    hooks.close(worker(service))
    assert redis.keys("ngw2f:requests:*")


def test_close_in_the_master() -> None:
    hooks.close(worker())


def test_close_never_raises(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def close(self) -> None:
            raise ZeroDivisionError

    hooks.close(worker(Broken()))
    assert "ZeroDivisionError" in caplog.text


def test_what_a_worker_begins_with_is_not_collected_again() -> None:
    code = "import gc, ngw2f.server.hooks as h; h.shorten_pauses(); print(gc.get_freeze_count())"
    output = subprocess.check_output([sys.executable, "-c", code])
    # What a bare interpreter has is thousands of objects.
    assert int(output) > 1_000


def test_what_workers_share_is_not_collected() -> None:
    code = "import gc, ngw2f.server.hooks as h; h.keep_shared(); print(gc.get_freeze_count())"
    assert int(subprocess.check_output([sys.executable, "-c", code])) > 1_000


def test_garbage_of_clients_is_still_collected() -> None:
    before = gc.get_threshold()
    try:
        hooks.collect_nothing()
        assert not gc.isenabled()
        hooks.shorten_pauses()
        assert gc.isenabled()
        assert 0 < gc.get_threshold()[0] <= 100_000
    finally:
        gc.enable()
        gc.unfreeze()
        gc.set_threshold(*before)


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the commands that are called as processes; each is killed."""
    calls: list[list[str]] = []

    def call(argv: list[str]) -> int:
        calls.append(argv[2:])
        return -9

    monkeypatch.setattr(subprocess, "call", call)
    return calls


@pytest.mark.parametrize("redis_url", ["", "redis://127.0.0.1:6379/1", "unix:///run/r_1.sock"])
def test_start_of_a_current_chat_takes_no_process(
    tmp_path: Path, called: list[list[str]], redis_url: str
) -> None:
    profiles = str(tmp_path / "profiles")
    settings = Settings(data_dir=str(tmp_path), profile_dir=profiles, redis_url=redis_url)
    copy_migrated(tmp_path)
    hooks.check_start(settings)
    assert called == []
    assert (tmp_path / "profiles").is_dir()


def test_url_that_only_a_client_can_check_is_checked_in_a_process(
    tmp_path: Path, called: list[list[str]]
) -> None:
    copy_migrated(tmp_path)
    with pytest.raises(SystemExit, match=r"^ngw2f: .* was killed$"):
        hooks.check_start(Settings(data_dir=str(tmp_path), redis_url="redis://h?timeout=1"))
    assert called == [["ngw2f", "migrate"]]


@pytest.mark.parametrize("redis_url", ["", "redis://127.0.0.1:1"])
def test_start_of_any_other_migrates_in_a_process(
    tmp_path: Path, called: list[list[str]], redis_url: str
) -> None:
    with pytest.raises(SystemExit, match=r"^ngw2f: .* was killed$"):
        hooks.check_start(Settings(data_dir=str(tmp_path), redis_url=redis_url))
    assert called == [["ngw2f", "migrate"]]


def test_start_ends_with_the_status_of_the_migration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "call", lambda _: 3)
    with pytest.raises(SystemExit, match=r"^3$"):
        hooks.check_start(Settings(data_dir=str(tmp_path)))


def test_start_with_a_wrong_folder_is_one_line(tmp_path: Path, called: list[list[str]]) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit, match=r"^ngw2f: NGW2F_DATA_DIR: .* is not a folder$"):
        hooks.check_start(Settings(data_dir=str(tmp_path / "file")))
    assert called == []


@pytest.fixture
def master(tmp_path: Path) -> Iterator[SimpleNamespace]:
    """Give a master with two sockets, and this process its limit of descriptors back."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    config = Config()
    config.set("worker_connections", 300)
    yield SimpleNamespace(cfg=config, LISTENERS=["one", "two"], log=logging.getLogger("test"))
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_descriptors_are_raised_to_what_connections_take(
    master: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (400, hard))
    hooks.fit_connections(master)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (856, hard)
    assert master.cfg.worker_connections == 300
    assert caplog.text == ""


def test_connections_that_cannot_be_had_are_told_of(
    master: SimpleNamespace, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (512, 512))
    hooks.fit_connections(master)
    assert master.cfg.worker_connections == 128
    (line,) = caplog.messages
    assert line.startswith("a worker takes 128 connections at once, not 300: ")


@pytest.mark.parametrize("limit", [resource.RLIM_INFINITY, 1 << 20])
def test_higher_limit_stays(
    master: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (limit, limit))
    monkeypatch.setattr(resource, "setrlimit", pytest.fail)
    hooks.fit_connections(master)
    assert master.cfg.worker_connections == 300

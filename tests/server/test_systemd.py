"""The server and the pool of workers under a manager that listens as systemd does."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ngw2f.settings import Settings
from tests.notified import NotifySocket
from tests.server.server import Server
from tests.waiting import HANGING_SECONDS, wait_until

START_SECONDS = 300


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NotifySocket]:
    socket = NotifySocket(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", socket.address)
    monkeypatch.setenv("WATCHDOG_USEC", "300000")
    with socket.listening():
        yield socket
    socket.close()


def test_server(start: Callable[..., Server], manager: NotifySocket) -> None:
    """It says when it is ready, pings, is silent while its master hangs, and says that it stops."""
    server = start()
    wait_until(lambda: manager.heard().count("WATCHDOG=1") > 2, START_SECONDS)
    assert manager.states[0] == "READY=1"
    os.kill(server.master.pid, signal.SIGSTOP)
    wait_until(lambda: not said_within(manager, 1.5))
    os.kill(server.master.pid, signal.SIGCONT)
    wait_until(lambda: "WATCHDOG=1" in manager.heard(), START_SECONDS)
    server.stop()
    assert manager.heard()[-1] == "STOPPING=1"


def said_within(manager: NotifySocket, seconds: float) -> bool:
    """Say whether anything is heard in so long from now on."""
    manager.forget()
    try:
        return bool(wait_until(manager.heard, seconds))
    except AssertionError:
        return False


def test_pool_of_workers(settings: Settings, manager: NotifySocket) -> None:
    environ = os.environ | {
        "NGW2F_DATA_DIR": settings.data_dir,
        "NGW2F_DATABASE_URL": settings.database_url,
        "NGW2F_REDIS_URL": settings.redis_url,
        "NGW2F_REDIS_TIMEOUT_SECONDS": str(settings.redis_timeout_seconds),
    }
    pool = subprocess.Popen([sys.executable, "-m", "ngw2f", "worker"], env=environ)
    try:
        wait_until(lambda: manager.heard().count("WATCHDOG=1") > 2, START_SECONDS)
        assert manager.states[0].startswith("READY=1")
        pool.terminate()
        assert pool.wait(HANGING_SECONDS) == 0
        assert manager.heard()[-1] == "STOPPING=1"
    finally:
        pool.kill()
        pool.wait()

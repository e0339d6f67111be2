import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from wsgiref.types import WSGIEnvironment

import pytest
from gunicorn.workers.workertmp import WorkerTmp

from ngw2f.server.systemd import Systemd, watch_master
from tests.notified import NotifySocket

SECOND = 1_000_000


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[NotifySocket]:
    socket = NotifySocket(tmp_path / "notify")
    yield socket
    socket.close()


def systemd(manager: NotifySocket, **environ: str) -> Systemd:
    return Systemd({"NOTIFY_SOCKET": manager.address, **environ})


def test_tells(manager: NotifySocket) -> None:
    systemd(manager).tell("READY=1")
    assert manager.heard() == ["READY=1"]


def test_tells_an_abstract_socket() -> None:
    manager = NotifySocket(f"@ngw2f-test-{secrets.token_hex(8)}")
    systemd(manager).tell("READY=1")
    assert manager.heard() == ["READY=1"]
    manager.close()


def test_without_systemd_nobody_is_told() -> None:
    nobody = Systemd({})
    nobody.tell("READY=1")
    nobody.ping()
    assert not nobody.is_there
    assert not nobody.has_watchdog


def test_systemd_that_is_away(tmp_path: Path) -> None:
    Systemd({"NOTIFY_SOCKET": str(tmp_path / "gone")}).tell("READY=1")


def test_pings_as_they_are_due(manager: NotifySocket, monkeypatch: pytest.MonkeyPatch) -> None:
    watchdog = systemd(manager, WATCHDOG_USEC=str(60 * SECOND))
    now = time.monotonic()
    for passed in (0, 1, 19, 20.5, 21, 41):
        monkeypatch.setattr(time, "monotonic", lambda passed=passed: now + passed)
        watchdog.ping()
    assert manager.heard() == ["WATCHDOG=1"] * 3


@pytest.mark.parametrize(
    "environ",
    [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}],
    ids=["none", "off", "another's"],
)
def test_no_watchdog_no_ping(manager: NotifySocket, environ: WSGIEnvironment) -> None:
    watchdog = systemd(manager, **environ)
    watchdog.ping()
    assert manager.heard() == []
    server = SimpleNamespace()
    watch_master(server, watchdog)
    assert vars(server) == {}


@pytest.fixture
def master(manager: NotifySocket) -> Iterator[SimpleNamespace]:
    """Give a master with one worker, whose heart is gunicorn's own."""
    cfg = SimpleNamespace(umask=0, worker_tmp_dir=None, uid=os.geteuid(), gid=os.getegid())
    worker = SimpleNamespace(tmp=WorkerTmp(cfg))
    master = SimpleNamespace(WORKERS={1: worker}, timeout=30, manage_workers=lambda: None)
    watch_master(master, systemd(manager, WATCHDOG_USEC="3", WATCHDOG_PID=str(os.getpid())))
    yield master
    worker.tmp.close()


def test_worker_that_boots_does_not_answer_yet(
    master: SimpleNamespace, manager: NotifySocket
) -> None:
    master.manage_workers()
    assert manager.heard() == []


def test_worker_that_answers(master: SimpleNamespace, manager: NotifySocket) -> None:
    master.WORKERS[1].tmp.notify()
    master.manage_workers()
    assert manager.heard() == ["WATCHDOG=1"]


@pytest.mark.parametrize("timeout", [30, 0])
def test_worker_that_hangs(master: SimpleNamespace, manager: NotifySocket, timeout: int) -> None:
    master.timeout = timeout
    old = time.monotonic() - 31
    os.utime(master.WORKERS[1].tmp.fileno(), (old, old))
    master.manage_workers()
    assert manager.heard() == []


def test_master_of_an_upgrade_under_way_is_silent(
    master: SimpleNamespace, manager: NotifySocket
) -> None:
    """systemd takes it for a stranger until the old one has ended."""
    master.master_pid = 1
    master.WORKERS[1].tmp.notify()
    master.manage_workers()
    assert manager.heard() == []


def test_manager_that_does_not_read_hangs_nobody(manager: NotifySocket) -> None:
    watchdog = systemd(manager, WATCHDOG_USEC="3")
    for _ in range(10_000):
        watchdog.tell("WATCHDOG=1", 0.0)
    assert len(manager.heard()) < 10_000


@pytest.mark.parametrize(("successor", "said"), [(0, "STOPPING=1"), (12, "MAINPID=12")])
def test_end_names_who_goes_on(manager: NotifySocket, successor: int, said: str) -> None:
    systemd(manager).tell_end(successor)
    assert manager.heard() == [said]


def test_watchdog_is_handed_over(manager: NotifySocket) -> None:
    me = {"WATCHDOG_PID": str(os.getpid())}
    assert systemd(manager, WATCHDOG_USEC="3", WATCHDOG_PID="1").hand_over() == me
    assert systemd(manager).hand_over() == {}


def test_no_worker(master: SimpleNamespace, manager: NotifySocket) -> None:
    worker = master.WORKERS.pop(1)
    master.manage_workers()
    assert manager.heard() == []
    master.WORKERS[1] = worker


def test_worker_that_has_just_ended(master: SimpleNamespace, manager: NotifySocket) -> None:
    master.WORKERS[1].tmp.close()
    master.manage_workers()
    assert manager.heard() == []

import logging
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from ngw2f import reload, renewal
from ngw2f.reload import guard_reload

ROOT = Path(__file__).parents[2]
APPLICATION = "def application(environ, start_response): ...\n"


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Give a master that notes its reloads, of a configuration and an application in *tmp_path*."""
    (tmp_path / "gunicorn.conf.py").touch()
    (tmp_path / "small.py").write_text(APPLICATION)
    monkeypatch.setattr(sys, "argv", ["gunicorn", "small:application"])
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("NGW2F_DATA_DIR", str(tmp_path / "var"))
    reloads = []
    made = SimpleNamespace(
        START_CTX={"cwd": str(tmp_path)},
        log=logging.getLogger("test"),
        cfg=SimpleNamespace(pidfile=str(tmp_path / "pid")),
        # Forks, then counts its workers.
        handle_hup=lambda: (reloads.append("reload"), made.manage_workers()),
        manage_workers=lambda: reloads.append("manage"),
        reap_workers=lambda: None,
        worker_age=1,
        WORKERS={10: SimpleNamespace(age=1, is_serving=True)},
        reloads=reloads,
    )
    guard_reload(made)
    return made


def test_good_is_loaded(server, tmp_path):
    server.handle_hup()
    assert server.reloads == ["reload", "manage"]
    assert (tmp_path / "var" / "chat.sqlite3").exists()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("gunicorn.conf.py", "import sys; sys.exit('wrong')"),
        ("small.py", "application ="),
        # What cannot be migrated.
        ("settings.toml", "[default]\nno_setting = 1\n[development]\n"),
    ],
)
def test_bad_is_refused(server, tmp_path, caplog, name, text):
    """Each stops another part of the check."""
    (tmp_path / name).write_text(text)
    server.handle_hup()
    assert server.reloads == []
    assert "the old workers go on" in caplog.text
    assert renewal.read(tmp_path / "pid", os.getpid()) == renewal.REFUSED


def test_check_that_hangs_is_refused(server, monkeypatch, caplog):
    monkeypatch.setattr(reload, "CHECK_SECONDS", 0.001)
    server.handle_hup()
    assert server.reloads == []
    assert "timed out" in caplog.text


@pytest.fixture
def unchecked(server, monkeypatch):
    monkeypatch.setattr(reload, "_passes", lambda _server: True)
    return server


def test_old_workers_go_on_until_the_new_ones_serve(unchecked):
    new = SimpleNamespace(age=2, is_serving=False)

    def reap():
        unchecked.reloads.append("wait")
        new.is_serving = True

    unchecked.reap_workers = reap
    unchecked.WORKERS[11] = new
    unchecked.handle_hup()
    assert unchecked.reloads == ["reload", "wait", "manage"]
    # Only a reload waits.
    new.is_serving = False
    unchecked.manage_workers()
    assert unchecked.reloads[3:] == ["manage"]


def test_new_worker_that_ends_is_not_waited_for(unchecked):
    unchecked.WORKERS[11] = SimpleNamespace(age=2, is_serving=False)
    unchecked.reap_workers = lambda: unchecked.WORKERS.pop(11)
    unchecked.handle_hup()
    assert unchecked.reloads == ["reload", "manage"]


def test_new_worker_that_hangs_is_not_waited_for_for_ever(unchecked, monkeypatch, caplog):
    monkeypatch.setattr(reload, "SERVING_SECONDS", 0.01)
    unchecked.WORKERS[11] = SimpleNamespace(age=2, is_serving=False)
    unchecked.handle_hup()
    assert unchecked.reloads == ["reload", "manage"]
    assert "a new worker does not serve" in caplog.text


def test_worker_that_does_not_tell_serves(unchecked):
    unchecked.WORKERS[11] = SimpleNamespace(age=2)
    unchecked.handle_hup()
    assert unchecked.reloads == ["reload", "manage"]


def test_worker_that_fails_to_boot_ends_the_server_as_ever(unchecked):
    def fail():
        raise SystemExit(3)

    manage_workers = unchecked.manage_workers
    unchecked.reap_workers = fail
    unchecked.WORKERS[11] = SimpleNamespace(age=2, is_serving=False)
    with pytest.raises(SystemExit):
        unchecked.handle_hup()
    assert unchecked.manage_workers is manage_workers

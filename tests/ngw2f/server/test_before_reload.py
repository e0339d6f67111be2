import logging
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from gunicorn.pidfile import Pidfile

from ngw2f.server.before_reload import state_of


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr("gunicorn.util._setproctitle", lambda _title: None)
    made: SimpleNamespace = SimpleNamespace(
        app=SimpleNamespace(cfg="old"),
        setup=lambda _app: setattr(made, "num_workers", 1),
        num_workers=1,
        pidfile=pid_file(tmp_path / "pid"),
        pid=os.getpid(),
        proc_name="test",
        log=logging.getLogger("test"),
    )
    return made


def pid_file(path: Path) -> Pidfile:
    made = Pidfile(str(path))
    made.create(os.getpid())
    return made


def test_environment_is_as_before(server: SimpleNamespace) -> None:
    os.environ |= {"KEPT": "old", "TAKEN": "old"}
    before = state_of(server)
    os.environ |= {"KEPT": "new", "NEW": "new"}
    del os.environ["TAKEN"]
    before.restore(server)
    assert os.environ == before.environ
    assert os.environ["KEPT"] == os.environ["TAKEN"] == "old"


def test_folder_and_path_are_as_before(server: SimpleNamespace, tmp_path: Path) -> None:
    before = state_of(server)
    os.chdir("/")
    sys.path.insert(0, "/")
    before.restore(server)
    assert Path.cwd() == tmp_path
    assert sys.path[0] != "/"


def test_folder_that_is_no_more(server: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    os.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    before = state_of(server)
    os.chdir("/")
    before.restore(server)
    assert Path.cwd() == Path("/")


def test_number_of_workers_is_as_before(server: SimpleNamespace) -> None:
    """Signals have made more of them than the configuration says."""
    server.num_workers = 3
    before = state_of(server)
    server.setup(server.app)
    before.restore(server)
    assert server.num_workers == 3
    assert server.app.cfg == "old"


@pytest.mark.parametrize("name", ["pid", "other"])
def test_pid_file_is_as_before(server: SimpleNamespace, tmp_path: Path, name: str) -> None:
    before = state_of(server)
    server.pidfile.unlink()
    server.pidfile = pid_file(tmp_path / name)
    before.restore(server)
    assert [path.name for path in tmp_path.iterdir()] == ["pid"]
    assert server.pidfile is before.pid_file
    assert (tmp_path / "pid").read_text() == f"{os.getpid()}\n"


def test_pid_file_that_could_not_be_had(server: SimpleNamespace, tmp_path: Path) -> None:
    before = state_of(server)
    server.pidfile.unlink()
    server.pidfile = Pidfile(f"{tmp_path}/none/pid")
    before.restore(server)
    assert (tmp_path / "pid").exists()


def test_pid_file_where_there_was_none(server: SimpleNamespace, tmp_path: Path) -> None:
    server.pidfile.unlink()
    server.pidfile = None
    before = state_of(server)
    server.pidfile = pid_file(tmp_path / "pid")
    before.restore(server)
    assert server.pidfile is None
    assert not list(tmp_path.iterdir())


def test_pid_file_that_cannot_be_written_again(
    server: SimpleNamespace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = state_of(server)
    server.pidfile.fname = f"{tmp_path}/none/pid"
    before.restore(server)
    assert "the pid file cannot be written again" in caplog.text

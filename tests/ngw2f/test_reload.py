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
        handle_hup=lambda: reloads.append("reload"),
        reloads=reloads,
    )
    guard_reload(made)
    return made


def test_good_is_loaded(server, tmp_path):
    server.handle_hup()
    assert server.reloads == ["reload"]
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

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

from ngw2f import cli
from ngw2f.embedded import EmbeddedError


@pytest.fixture
def data_dir(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("NGW2F_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NGW2F_DATA_DIR", str(tmp_path / "var"))
    return tmp_path / "var"


@pytest.fixture
def called(monkeypatch):
    """Return a function that puts one in another's place that notes its arguments."""
    calls = []

    def put(path):
        monkeypatch.setattr(path, lambda *arguments: calls.append(arguments))
        return calls

    return put


def test_migrate(data_dir):
    cli.main(["migrate"])
    engine = create_engine(f"sqlite:///{data_dir}/chat.sqlite3")
    assert "messages" in inspect(engine).get_table_names()
    engine.dispose()


def test_module_is_the_command(data_dir):
    subprocess.run([sys.executable, "-m", "ngw2f", "migrate"], check=True)
    assert (data_dir / "chat.sqlite3").exists()


def test_wrong_setting_is_one_line(data_dir, monkeypatch):
    monkeypatch.setenv("NGW2F_STREAM_LENGTH", "x")
    with pytest.raises(SystemExit, match=r"^ngw2f: NGW2F_STREAM_LENGTH: [^\n]*$"):
        cli.main(["migrate"])


def test_database_that_is_away(data_dir, monkeypatch):
    monkeypatch.setenv("NGW2F_DATABASE_URL", "postgresql://chat:hush@127.0.0.1:1/chat")
    with pytest.raises(SystemExit, match=r"^ngw2f: NGW2F_DATABASE_URL: ") as caught:
        cli.main(["migrate"])
    assert "hush" not in str(caught.value)


def test_data_dir_that_is_a_file(data_dir):
    data_dir.touch()
    with pytest.raises(SystemExit, match=r"^ngw2f: NGW2F_DATA_DIR: "):
        cli.main(["migrate"])


def test_serve_is_gunicorn_in_a_checkout(data_dir, called, monkeypatch):
    monkeypatch.delenv("NGW2F_SETTINGS", raising=False)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    calls = called("os.execv")
    cli.main(["serve", "--bind=127.0.0.1:1", "-w", "2"])
    ((program, command),) = calls
    root = Path(cli.__file__).parents[1]
    assert program == sys.executable
    assert Path(command[1]).name == "gunicorn"
    assert Path(command[1]).exists()
    assert command[2:] == [
        *("-c", str(root / "gunicorn.conf.py"), "--pythonpath", str(root)),
        *("--bind=127.0.0.1:1", "-w", "2", "app:application"),
    ]
    assert os.environ["NGW2F_SETTINGS"] == os.getcwd()


def test_serve_where_it_is_installed(data_dir, called, monkeypatch):
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(cli, "CONFIGURATION", "elsewhere.conf.py")
    calls = called("os.execv")
    cli.main(["serve"])
    assert calls[0][1][3].endswith("/share/ngw2f/elsewhere.conf.py")


def test_processes_get_their_descriptors(data_dir, called):
    calls = called("ngw2f.jobs.worker.run_worker")
    cli.main(["worker-process", "--status=5", "--lifeline=6"])
    called("ngw2f.jobs.worker.run_cron")
    cli.main(["cron", "--lifeline=7"])
    called("ngw2f.valkey.supervise")
    cli.main(["embedded", "--lifeline=8", "--status=9"])
    assert [arguments[1:] for arguments in calls] == [(["render", "links"], 5, 6), (7,), (8, 9)]


def test_pool_of_workers(data_dir, monkeypatch):
    pools = []

    class Pool:
        def __init__(self, specs):
            pools.append([spec.name for spec in specs])

        def run(self):
            pools.append("ran")

    monkeypatch.setattr("ngw2f.supervisor.Supervisor", Pool)
    cli.main(["worker", "--workers=2"])
    assert pools == [
        [
            "RQ worker 1 (render)",
            "RQ worker 2 (render)",
            "RQ worker 1 (links)",
            "upkeep's schedule",
        ],
        "ran",
    ]


def test_embedded_that_cannot_start(data_dir, monkeypatch):
    def fail(*_):
        raise EmbeddedError("Valkey does not answer")

    monkeypatch.setattr("ngw2f.valkey.supervise", fail)
    with pytest.raises(SystemExit, match=r"^ngw2f: Valkey does not answer$"):
        cli.main(["embedded", "--lifeline=8", "--status=9"])


@pytest.mark.parametrize("arguments", [[], ["migrate", "--now"], ["brew"]])
def test_wrong_arguments(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(arguments)
    assert "usage: ngw2f" in capsys.readouterr().err

import logging
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from rq import Queue
from sqlalchemy import create_engine, inspect

from ngw2f.commands import cli, processes
from ngw2f.jobs.context import JobContext
from ngw2f.jobs.wakeup import LINKS, RENDER, queue_name
from ngw2f.server.embedded import EmbeddedError
from ngw2f.server.supervisor import ChildSpec, load_jobs
from ngw2f.settings import Settings
from ngw2f.store import render_queue
from ngw2f.store.render_queue import MAX_ATTEMPTS
from tests.client import Client
from tests.ngw2f.links.lab import Site, answer

# The arguments of each call.
Calls = list[tuple[Any, ...]]


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("NGW2F_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NGW2F_DATA_DIR", str(tmp_path / "var"))
    return tmp_path / "var"


@pytest.fixture
def called(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str], Calls]:
    """Return a function that puts one in another's place that notes its arguments."""
    calls: Calls = []

    def put(path: str) -> Calls:
        monkeypatch.setattr(path, lambda *arguments: calls.append(arguments))
        return calls

    return put


@pytest.mark.usefixtures("data_dir")
def test_closed_standard_streams() -> None:
    command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-m", "ngw2f"]
    assert subprocess.call([*command, "migrate"]) == 0


def test_file_that_is_no_database_is_one_line(data_dir: Path) -> None:
    data_dir.mkdir(exist_ok=True)
    (data_dir / "chat.sqlite3").write_bytes(b"no database " * 1000)
    with pytest.raises(SystemExit, match=r"^ngw2f: NGW2F_DATA_DIR: file is not a database$"):
        cli.main(["migrate"])


def test_migrate(data_dir: Path) -> None:
    cli.main(["migrate"])
    engine = create_engine(f"sqlite:///{data_dir}/chat.sqlite3")
    assert "messages" in inspect(engine).get_table_names()
    engine.dispose()


def test_module_is_the_command(data_dir: Path) -> None:
    subprocess.run([sys.executable, "-m", "ngw2f", "migrate"], check=True)
    assert (data_dir / "chat.sqlite3").exists()


def test_wrong_setting_is_one_line(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NGW2F_STREAM_LENGTH", "x")
    with pytest.raises(SystemExit, match=r"^ngw2f: NGW2F_STREAM_LENGTH: [^\n]*$"):
        cli.main(["migrate"])


def test_database_that_is_away(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NGW2F_DATABASE_URL", "postgresql://chat:hush@127.0.0.1:1/chat")
    with pytest.raises(SystemExit, match=r"^ngw2f: NGW2F_DATABASE_URL: ") as caught:
        cli.main(["migrate"])
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql+nothing://localhost/chat", "Can't load plugin"),
        ("postgresql+pg8000://localhost/chat", r"its driver is not installed \(No module named"),
        ("postgresql://chat:hush@localhost:hush/chat", "this is no URL of a database"),
        ("postgresql+psycopg_async://localhost/chat", "its driver is an asynchronous one; use"),
    ],
)
def test_url_that_leads_nowhere(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, url: str, reason: str
) -> None:
    monkeypatch.setenv("NGW2F_DATABASE_URL", url)
    with pytest.raises(SystemExit, match=rf"^ngw2f: NGW2F_DATABASE_URL: {reason}[^\n]*$") as caught:
        cli.main(["migrate"])
    assert "hush" not in str(caught.value)


def test_database_of_a_newer_version(data_dir: Path) -> None:
    cli.main(["migrate"])
    with closing(sqlite3.connect(data_dir / "chat.sqlite3")) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
    with pytest.raises(
        SystemExit, match=r"^ngw2f: NGW2F_DATA_DIR: it is of a newer version .*9999"
    ):
        cli.main(["migrate"])


def test_data_dir_that_is_a_file(data_dir: Path) -> None:
    data_dir.touch()
    with pytest.raises(SystemExit, match=r"^ngw2f: NGW2F_DATA_DIR: .* is not a folder$"):
        cli.main(["migrate"])


def test_url_of_a_file_where_there_is_no_folder(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NGW2F_DATABASE_URL", f"sqlite:///{data_dir}/none/chat.sqlite3")
    with pytest.raises(SystemExit, match=r"^ngw2f: NGW2F_DATABASE_URL: .*No such file"):
        cli.main(["migrate"])


def test_jobs_do_not_make_a_database(data_dir: Path) -> None:
    with pytest.raises(SystemExit, match=r"^ngw2f: NGW2F_DATA_DIR: there is no database at "):
        cli.main(["jobs"])
    assert not data_dir.exists()


def test_check_of_a_database(data_dir: Path) -> None:
    cli.main(["check"])
    with pytest.raises(SystemExit, match=r"^ngw2f: NGW2F_DATA_DIR: there is no database at "):
        cli.main(["check", "--database"])
    cli.main(["migrate"])
    cli.main(["check", "--database"])


def test_check_of_a_database_that_is_away(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be back when the first job comes."""
    monkeypatch.setenv("NGW2F_DATABASE_URL", "postgresql+psycopg://127.0.0.1:1/chat")
    cli.main(["check", "--database"])


def test_serve_is_gunicorn_in_a_checkout(
    data_dir: Path,
    called: Callable[[str], Calls],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NGW2F_SETTINGS", raising=False)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    calls = called("os.execv")
    cli.main(["serve", "--bind=127.0.0.1:1", "-w", "2"])
    ((program, command),) = calls
    root = Path(cli.__file__).parents[2]
    assert program == sys.executable
    assert Path(command[1]).name == "gunicorn"
    assert Path(command[1]).exists()
    assert command[2:] == [
        *("-c", str(root / "gunicorn.conf.py"), "--pythonpath", str(root)),
        *("--bind=127.0.0.1:1", "-w", "2", "app:application"),
    ]
    assert os.environ["NGW2F_SETTINGS"] == os.getcwd()


def test_serve_where_it_is_installed(
    data_dir: Path,
    called: Callable[[str], Calls],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr("ngw2f.commands.places.CONFIGURATION", "elsewhere.conf.py")
    calls = called("os.execv")
    cli.main(["serve"])
    assert calls[0][1][3].endswith("/share/ngw2f/elsewhere.conf.py")


def test_processes_get_their_descriptors(data_dir: Path, called: Callable[[str], Calls]) -> None:
    calls = called("ngw2f.jobs.worker.run_worker")
    cli.main(["worker-process", "--status=5", "--lifeline=6"])
    cli.main(["worker-process", "--queues=render", "--starts=links"])
    called("ngw2f.jobs.worker.run_cron")
    cli.main(["cron", "--lifeline=7"])
    called("ngw2f.server.valkey.supervise")
    cli.main(["embedded", "--lifeline=8", "--status=9"])
    assert [arguments[1:] for arguments in calls] == [
        (["render", "links"], 5, 6, ()),
        (["render"], None, None, ["links"]),
        (7,),
        (8, 9, processes.begin),
    ]


def test_settings_of_a_fork_are_read_before_it(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, called: Callable[[str], Calls]
) -> None:
    calls = called("ngw2f.jobs.worker.run_cron")
    run = processes.begin(["cron", "--lifeline=7"])
    monkeypatch.setenv("NGW2F_REDIS_PREFIX", "later:")
    run()
    processes.begin(["cron", "--lifeline=8"])()
    assert [(each.redis_prefix, lifeline) for each, lifeline in calls] == [
        ("ngw2f:", 7),
        ("later:", 8),
    ]


def test_fork_whose_settings_are_wrong_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NGW2F_EMBEDDED_WORKERS", "many")
    run = processes.begin(["cron", "--lifeline=7"])
    with pytest.raises(SystemExit, match=r"^ngw2f: NGW2F_EMBEDDED_WORKERS: "):
        run()


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_pool_of_workers(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pools: list[list[str] | str] = []

    class Pool:
        def __init__(self, specs: list[ChildSpec], systemd: object) -> None:
            assert systemd is None
            pools.append([spec.name for spec in specs])

        def run(self, prepare: partial[None]) -> None:
            assert prepare.func is load_jobs
            pools.append("ran")

    with pytest.raises(SystemExit, match=r"^1$"):
        cli.main(["worker"])
    assert "NGW2F_DATA_DIR: there is no database at" in capfd.readouterr().err
    cli.main(["migrate"])
    monkeypatch.setattr("ngw2f.server.supervisor.Supervisor", Pool)
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


def test_embedded_that_cannot_start(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise EmbeddedError("Valkey does not answer")

    monkeypatch.setattr("ngw2f.server.valkey.supervise", fail)
    with pytest.raises(SystemExit, match=r"^ngw2f: Valkey does not answer$"):
        cli.main(["embedded", "--lifeline=8", "--status=9"])


@pytest.mark.parametrize("arguments", [[], ["migrate", "--now"], ["brew"]])
def test_wrong_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(arguments)
    assert "usage: ngw2f" in capsys.readouterr().err


@pytest.fixture
def chat(settings: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command work on the chat of the other fixtures."""
    for name in [name for name in os.environ if name.startswith("NGW2F_")]:
        monkeypatch.delenv(name)
    for name in ("data_dir", "database_url", "redis_url"):
        monkeypatch.setenv(f"NGW2F_{name.upper()}", getattr(settings, name))


@pytest.fixture
def queues(settings: Settings, redis: Redis) -> list[Queue]:
    return [
        Queue(queue_name(settings.redis_prefix, call.queue), connection=redis)
        for call in (RENDER, LINKS)
    ]


@pytest.fixture
def failed(chat: None, queues: list[Queue], work: Callable[..., None]) -> list[str]:
    """Give the ids of two jobs that failed, one of each queue."""
    ids = [queue.enqueue("math.sqrt", -1).id for queue in queues]
    work()
    return ids


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    def run_command(*arguments: str) -> list[str]:
        cli.main(arguments)
        return capsys.readouterr().out.splitlines()

    return run_command


def test_no_job_has_failed(chat: None, run: Callable[..., list[str]]) -> None:
    assert run("jobs") == ["no job has failed"]
    assert run("jobs", "requeue") == ["there is no such job"]


def test_failed_jobs_are_listed(failed: list[str], run: Callable[..., list[str]]) -> None:
    lines = run("jobs", "list")
    assert [line.split()[:2] for line in lines] == [["render", failed[0]], ["links", failed[1]]]
    assert all(line.endswith("ValueError: math domain error") for line in lines)


def test_one_failed_job_is_requeued(
    failed: list[str], run: Callable[..., list[str]], queues: list[Queue]
) -> None:
    assert run("jobs", "requeue", failed[1]) == [f"requeued {failed[1]}"]
    assert [queue.job_ids for queue in queues] == [[], [failed[1]]]
    assert [line.split()[1] for line in run("jobs")] == [failed[0]]


def test_all_that_failed_is_requeued(
    failed: list[str],
    client: Client,
    job_context: JobContext,
    run: Callable[..., list[str]],
    work: Callable[..., None],
) -> None:
    client.say(client.join("Ann"), "*a*")
    with job_context.core.database.writing() as connection:
        for _ in range(MAX_ATTEMPTS):
            render_queue.count_attempt(connection, 1)
    work()
    assert not client.get("/api/messages/1").json["rendered"]
    assert run("jobs")[-1] == "render  message-1  rendering it failed 3 times"
    assert run("jobs", "requeue") == [f"requeued {name}" for name in (*failed, "message-1")]
    work()
    assert client.get("/api/messages/1").json["html"] == "<p><em>a</em></p>"


def test_operator_makes_an_administrator(
    chat: None, client: Client, run: Callable[..., list[str]]
) -> None:
    ann = client.join("ann")
    client.join("bob")
    assert run("administrator", "BOB") == ["bob administers the chat"]
    assert client.get("/api/users/2").json["administrator"] is True
    (entry,) = client.get("/api/audit", headers=ann).json["entries"]
    assert (entry["actor"], entry["action"], entry["nickname"]) == (
        "the operator",
        "administrator.appointed",
        "bob",
    )
    client.register("eve")
    client.put("/api/users/3/suspension", headers=ann, status=204)
    for nickname, reason in (("cleo", "no user 'cleo'"), ("eve", "cannot administer")):
        with pytest.raises(SystemExit, match=reason):
            run("administrator", nickname)


@pytest.mark.usefixtures("data_dir")
def test_administrator_of_no_chat() -> None:
    with pytest.raises(SystemExit, match="NGW2F_DATA_DIR"):
        cli.main(["administrator", "ann"])


def test_jobs_without_redis(
    chat: None, run: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NGW2F_REDIS_URL", f"unix://{tmp_path}/none.sock")
    with pytest.raises(SystemExit, match=r"^ngw2f: Redis cannot be reached: "):
        run("jobs")


def test_explain_link_to_an_allowed_site(
    data_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(answer())
    monkeypatch.setenv("NGW2F_LINKS_ALLOW", f"127.0.0.1:{site.port}")
    with pytest.raises(SystemExit) as ended:
        cli.main(["explain-link", f"http://127.0.0.1:{site.port}/"])
    site.close()
    lines = capsys.readouterr().out.splitlines()
    assert ended.value.code == 0
    assert lines[0] == f"ok      link      http://127.0.0.1:{site.port}/"
    assert "        title     A page" in lines


def test_libraries_do_not_log_what_strangers_send(data_dir: Path) -> None:
    with pytest.raises(SystemExit):
        cli.main(["explain-link", "http://127.0.0.1:1/"])
    for name in ("urllib3.connection", "PIL.PngImagePlugin"):
        assert not logging.getLogger(name).isEnabledFor(logging.ERROR)


def test_explain_link_that_is_refused(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["explain-link", "http://127.0.0.1/"])
    assert ended.value.code == 1
    assert (
        capsys.readouterr()
        .out.splitlines()[-1]
        .startswith("refused address   127.0.0.1 is not public")
    )


def test_reader_that_has_enough(data_dir: Path) -> None:
    """`head` stops reading early; what it leaves unread is not our failure."""
    cli.main(["migrate"])
    reader, writer = os.pipe()
    os.close(reader)
    told = subprocess.run(
        [sys.executable, "-m", "ngw2f", "doctor"],
        # What is buffered is written at the exit.
        env=os.environ | {"PYTHONUNBUFFERED": ""},
        stdout=writer,
        stderr=subprocess.PIPE,
    )
    os.close(writer)
    assert (told.returncode, told.stderr) == (1, b"")


def test_interrupt_is_no_traceback(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_settings: Settings) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ngw2f.commands.doctor.examine", interrupt)
    with pytest.raises(SystemExit, match=r"^130$"):
        cli.main(["doctor"])


def test_letters_that_the_terminal_has_not(tmp_path: Path) -> None:
    environment = os.environ | {"NGW2F_DATA_DIR": f"{tmp_path}/ü", "PYTHONIOENCODING": "ascii"}
    told = subprocess.run(
        [sys.executable, "-m", "ngw2f", "doctor"], env=environment, capture_output=True
    )
    assert told.stderr == b""
    assert rb"data in " + os.fsencode(tmp_path) + rb"/\xfc" in told.stdout

import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from ngw2f.commands.archive import run
from ngw2f.server.service import Service
from ngw2f.settings import Settings
from ngw2f.store.database import Database
from tests.client import Client

# What the API answers to a reader: its messages.
Spoken = dict[str, list[dict[str, Any]]]


@pytest.fixture
def other(tmp_path: Path) -> Settings:
    return Settings(data_dir=str(tmp_path / "other"))


@pytest.fixture
def spoken(client: Client) -> Spoken:
    """Say something, and give what a reader of the chat then sees."""
    client.say(client.join("ann"), "hello")
    answer: Spoken = client.get("/api/messages").json
    return answer


@pytest.mark.parametrize("backend", ["sqlite"])
def test_backup_goes_on_elsewhere(
    spoken: Spoken,
    settings: Settings,
    other: Settings,
    build: Callable[..., Service],
    tmp_path: Path,
) -> None:
    """SQLite's, which has files; PostgreSQL's is restored in its place (store/test_backup.py)."""
    run("backup", settings, tmp_path / "file")
    run("restore", other, tmp_path / "file")
    assert_it_goes_on(Client(build(data_dir=other.data_dir, database_url="")), spoken)


def test_export_goes_on_elsewhere(
    spoken: Spoken,
    settings: Settings,
    other: Settings,
    build: Callable[..., Service],
    tmp_path: Path,
) -> None:
    run("export", settings, tmp_path / "file")
    run("import", other, tmp_path / "file")
    assert_it_goes_on(Client(build(data_dir=other.data_dir, database_url="")), spoken)


def assert_it_goes_on(client: Client, spoken: Spoken) -> None:
    assert client.get("/api/messages").json == spoken
    # Password, ids: all as it was.
    client.say({"Authorization": f"Bearer {client.token('ann')}"}, "again")
    assert client.sources() == ["hello", "again"]


def test_export_is_the_owners_alone(spoken: Spoken, settings: Settings, tmp_path: Path) -> None:
    run("export", settings, tmp_path / "file")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("command", ["backup", "export"])
def test_file_that_is_there_stays(settings: Settings, tmp_path: Path, command: str) -> None:
    path = tmp_path / "file"
    path.write_text("mine")
    with pytest.raises(SystemExit, match=f"^ngw2f {command}: "):
        run(command, settings, path)
    assert path.read_text() == "mine"


@pytest.mark.parametrize("command", ["restore", "import"])
def test_missing_file_is_one_line(other: Settings, tmp_path: Path, command: str) -> None:
    with pytest.raises(SystemExit, match=f"^ngw2f {command}: .*none"):
        run(command, other, tmp_path / "none")


@pytest.mark.parametrize("command", ["backup", "export"])
def test_nothing_to_write_leaves_nothing(other: Settings, tmp_path: Path, command: str) -> None:
    with pytest.raises(SystemExit, match=f"^ngw2f {command}: there is no database at "):
        run(command, other, tmp_path / "file")
    assert not list(tmp_path.rglob("*file")) + list(tmp_path.rglob("other/*"))


def test_failed_export_leaves_no_file(
    spoken: Spoken,
    settings: Settings,
    database: Database,
    tmp_path: Path,
) -> None:
    with database.writing() as connection:
        connection.execute(text("DROP TABLE message_previews"))
    with pytest.raises(SystemExit, match=r"^ngw2f export: .*message_previews.*$"):
        run("export", settings, tmp_path / "file")
    assert not (tmp_path / "file").exists()


def test_import_into_what_cannot_be_migrated_is_one_line(other: Settings, tmp_path: Path) -> None:
    other.data_path.mkdir()
    with closing(sqlite3.connect(other.data_path / "chat.sqlite3")) as foreign:
        foreign.execute("CREATE TABLE users (name TEXT)")
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit, match=r"^ngw2f import: [^\n]*another program[^\n]*$"):
        run("import", other, tmp_path / "file")


@pytest.mark.parametrize("command", ["export", "import"])
def test_database_that_is_away_is_one_line(
    settings: Settings, tmp_path: Path, command: str
) -> None:
    url = "postgresql+psycopg://chat:hush@127.0.0.1:1/chat"
    away = msgspec.structs.replace(settings, database_url=url)
    file = tmp_path / "file"
    if command == "import":
        file.touch()
    with pytest.raises(SystemExit, match=rf"^ngw2f {command}: connection failed.*$") as told:
        run(command, away, file)
    assert "hush" not in str(told.value)
    assert "\n" not in str(told.value)


def test_rows_that_contradict_each_other(
    spoken: Spoken,
    settings: Settings,
    other: Settings,
    build: Callable[..., Service],
    tmp_path: Path,
) -> None:
    run("export", settings, tmp_path / "file")
    *lines, end = (tmp_path / "file").read_text().splitlines(keepends=True)
    twice = next(line for line in lines if line.startswith('["users"'))
    end = end.replace(str(len(lines) - 1), str(len(lines)))
    (tmp_path / "file").write_text("".join([*lines, twice, end]))
    with pytest.raises(SystemExit, match=r"^ngw2f import: UNIQUE constraint failed: users.*$"):
        run("import", other, tmp_path / "file")
    assert Client(build(data_dir=other.data_dir, database_url="")).sources() == []


def test_import_into_a_used_chat(spoken: Spoken, settings: Settings, tmp_path: Path) -> None:
    run("export", settings, tmp_path / "file")
    with pytest.raises(SystemExit, match="users already"):
        run("import", settings, tmp_path / "file")


# Half of it is written, and the rest never comes.
HALF = """
import signal, sys
from pathlib import Path
from ngw2f.commands import archive
from ngw2f.settings import load_settings

def half(connection):
    yield b"half\\n" * 100_000
    print("there", flush=True)
    while True:
        signal.pause()

archive.export_lines = half
archive.run("export", load_settings(), Path(sys.argv[1]))
"""


def program(settings: Settings, *command: str, **options: Any) -> subprocess.Popen[bytes]:
    """Start a Python program that has the settings of the tests."""
    names = ("data_dir", "database_url", "redis_url")
    variables = {f"NGW2F_{name.upper()}": getattr(settings, name) for name in names}
    environment = {**os.environ, **variables, "NGW2F_SETTINGS": str(Path(settings.data_dir).parent)}
    return subprocess.Popen([sys.executable, *command], env=environment, **options)


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGKILL])
def test_export_that_is_stopped_leaves_no_file(
    spoken: Spoken,
    settings: Settings,
    tmp_path: Path,
    signal_number: signal.Signals,
) -> None:
    directory = tmp_path / "exports"
    directory.mkdir()
    command = ["-c", HALF, str(directory / "file")]
    with program(settings, *command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"there\n"
        running.send_signal(signal_number)
        _, said = running.communicate(timeout=60)
    left = [path.name for path in directory.iterdir()]
    if signal_number == signal.SIGTERM:
        assert (left, said) == ([], b"ngw2f export: stopped\n")
    else:
        assert [name.startswith(".file.") for name in left] == [True]


@pytest.mark.parametrize("command", ["backup", "export"])
@pytest.mark.parametrize("backend", ["sqlite"])
def test_no_room_for_it_leaves_no_file(
    spoken: Spoken, settings: Settings, tmp_path: Path, command: str
) -> None:
    directory = tmp_path / "exports"
    directory.mkdir()

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))

    arguments = ["-m", "ngw2f", command, str(directory / "file")]
    with program(settings, *arguments, stderr=subprocess.PIPE, preexec_fn=limit) as running:
        _, said = running.communicate(timeout=60)
    assert (running.returncode, said.count(b"\n")) == (1, 1), said
    assert not list(directory.iterdir())


def test_export_goes_through_a_pipe(
    spoken: Spoken,
    settings: Settings,
    other: Settings,
    build: Callable[..., Service],
) -> None:
    with (
        program(settings, "-m", "ngw2f", "export", "-", stdout=subprocess.PIPE) as exporting,
        program(
            msgspec.structs.replace(settings, data_dir=other.data_dir, database_url=""),
            "-m", "ngw2f", "import", "-", stdin=exporting.stdout,
        ) as importing,
    ):  # fmt: skip
        assert (exporting.wait(60), importing.wait(60)) == (0, 0)
    assert_it_goes_on(Client(build(data_dir=other.data_dir, database_url="")), spoken)


def test_export_to_a_full_device_is_one_line(spoken: Spoken, settings: Settings) -> None:
    with open("/dev/full", "wb") as full:
        arguments = ["-m", "ngw2f", "export", "-"]
        with program(settings, *arguments, stdout=full, stderr=subprocess.PIPE) as running:
            _, said = running.communicate(timeout=60)
    assert running.returncode == 1
    assert said.startswith(b"ngw2f export: [Errno 28]")

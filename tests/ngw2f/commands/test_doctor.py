import os
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from redis import Redis

from ngw2f.commands import doctor
from ngw2f.commands.doctor import TRIED_BYTES, examine
from ngw2f.jobs import heartbeat
from ngw2f.jobs.context import JobContext
from ngw2f.jobs.heartbeat import Heartbeats
from ngw2f.settings import Settings
from ngw2f.store import messages, rooms, users
from ngw2f.store.database import Database
from ngw2f.store.migrate import migrate


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def wrong(settings: Settings) -> list[tuple[str, str]]:
    return [(found.part, found.sentence) for found in examine(settings) if found.level == "error"]


def said(settings: Settings, part: str) -> str:
    return " ".join(found.sentence for found in examine(settings) if found.part == part)


def test_only_the_workers_are_missing(settings: Settings) -> None:
    assert wrong(settings) == [
        ("workers", f"none is there for {queue}, which nobody works on; run `ngw2f worker`")
        for queue in ("render", "links")
    ]


def test_worker_for_one_queue(
    settings: Settings, job_context: JobContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However long it takes to ask.
    monkeypatch.setattr(heartbeat, "ABSENT_SECONDS", 600)
    Heartbeats(job_context.core.broker).note(["render"], "one")
    assert [part for part, _ in wrong(settings)] == ["workers"]
    assert "1 for render none is there for links" in said(settings, "workers")


def test_parts_that_are_well_are_named(settings: Settings, backend: str) -> None:
    assert backend in said(settings, "database")
    assert "GiB are free" in said(settings, "disk")
    assert "answers" in said(settings, "broker")


def test_database_that_others_may_open(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path), redis_url=f"unix://{tmp_path}/none")
    migrate(settings)
    path = tmp_path / "chat.sqlite3"
    path.chmod(0o644)
    assert "chmod" not in said(settings, "database")
    tmp_path.chmod(0o755)
    assert f"run `chmod 600 {path}" in said(settings, "database")
    for file in tmp_path.glob("chat.sqlite3*"):
        file.chmod(0o600)
    assert "chmod" not in said(settings, "database")


def test_nothing_is_there_yet(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path / "none"), redis_url=f"unix://{tmp_path}/none")
    assert [part for part, _ in wrong(settings)] == ["disk", "database", "broker"]
    assert said(settings, "workers") == "only the broker knows which are there"


@pytest.mark.parametrize(("limit", "level"), [(65536, "ok"), (1024, "warning")])
def test_descriptors(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, limit: int, level: str
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (limit, limit))
    (found,) = doctor.check_limits(settings)
    assert found.level == level
    assert ("takes 768 connections at once, not 20000; " in found.sentence) == (limit == 1024)


def test_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "var").touch()
    settings = Settings(data_dir=str(tmp_path / "var"), redis_url=f"unix://{tmp_path}/none")
    assert "is not a folder" in said(settings, "disk")


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize("value", ["{}/file", "{}/file/profiles"])
def test_folder_of_profiles_that_cannot_be(settings: Settings, tmp_path: Path, value: str) -> None:
    (tmp_path / "file").touch()
    name = value.format(tmp_path)
    wanted = msgspec.structs.replace(settings, profile_dir=name)
    assert "NGW2F_PROFILE_DIR: " in said(wanted, "settings")
    assert not (tmp_path / "profiles").exists()


@pytest.mark.parametrize("backend", ["sqlite"])
def test_requests_that_everybody_may_see(settings: Settings) -> None:
    assert "(xray)" not in said(settings, "settings")
    assert "(xray)" in said(msgspec.structs.replace(settings, xray=True), "settings")


@pytest.mark.parametrize("backend", ["sqlite"])
def test_damaged_text_in_the_database(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "chat.sqlite3"
    path.write_bytes(
        path.read_bytes().replace(b"CREATE TABLE messages", b"CREATE \xff\xfeABLE \xffssages")
    )
    assert "it cannot be asked" in said(settings, "database")


@pytest.mark.parametrize("backend", ["sqlite"])
def test_options_that_no_redis_has(settings: Settings) -> None:
    wrong_url = msgspec.structs.replace(settings, redis_url="redis://127.0.0.1?timeout=1")
    assert "NGW2F_REDIS_URL: its options are wrong" in said(wrong_url, "broker")


def test_old_schema(settings: Settings, database: Database) -> None:
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    assert ("database", "its schema is 0001") in [
        (p, s.partition(",")[0]) for p, s in wrong(settings)
    ]


def test_newer_schema(settings: Settings, database: Database) -> None:
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    assert "of a newer version of the chat: run that version" in said(settings, "database")


@pytest.mark.parametrize("entry", ["x", "x:99999"])
def test_link_policy_that_stops_the_start(tmp_path: Path, entry: str) -> None:
    settings = Settings(data_dir=str(tmp_path), links_allow=[entry])
    assert any(line.startswith("NGW2F_LINKS_ALLOW: ") for _, line in wrong(settings))


def test_driver_that_is_not_there(settings: Settings) -> None:
    foreign = msgspec.structs.replace(settings, database_url="postgresql+pg8000://localhost/chat")
    assert said(foreign, "database").startswith("its driver is not installed (No module named")


def test_eviction_is_an_error(settings: Settings, redis: Redis) -> None:
    redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        assert "set noeviction" in said(settings, "broker")
    finally:
        redis.config_set("maxmemory-policy", "noeviction")


def test_stuck_messages(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.writing() as connection:
        user = users.create_user(connection, "Ann", "ann", "hash")
        lobby = rooms.find_room_named(connection, rooms.LOBBY, None)
        assert lobby is not None
        messages.create_message(connection, lobby.id, user.id, "hello", "hello")
    assert "wait to be rendered" not in said(settings, "workers")
    monkeypatch.setattr(doctor, "WAITING_SECONDS", -1)
    assert "wait to be rendered" in said(settings, "workers")


def test_clock_that_is_wrong(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "SKEW_SECONDS", -1)
    assert "the broker is 0.0 s" in said(settings, "clock")


def test_answer_that_comes_late_is_no_skew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "SKEW_SECONDS", 0.05)

    def answer_late() -> float:
        now = time.time()
        time.sleep(0.1)
        return now

    assert doctor._clock("it", answer_late).level == "ok"


@pytest.mark.parametrize(("offset", "where"), [(60, "ahead"), (-60, "behind")])
def test_clock_that_is_elsewhere(offset: int, where: str) -> None:
    assert f" s {where}; " in doctor._clock("it", lambda: time.time() + offset).sentence


def test_full_disk(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "FREE_BYTES", 1 << 60)
    assert "disk" in [part for part, _ in wrong(settings)]


def limit_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (TRIED_BYTES // 2, TRIED_BYTES // 2))


@pytest.mark.parametrize("how", ["file system", "limit"])
def test_disk_that_takes_nothing_more(tmp_path: Path, how: str) -> None:
    """The command as it is run, on a file system of a few pages, or with a limit on files."""
    doctor, reason = [sys.executable, "-m", "ngw2f", "doctor"], "too large"
    prepare: Callable[[], None] | None = limit_files
    if how == "file system":
        user = ["--map-root-user"] if os.geteuid() else []
        mount = f'mount -t tmpfs -o size=64k tmpfs {tmp_path} && exec "$@"'
        private = ["unshare", *user, "--mount", "sh", "-c", mount, "sh"]
        if subprocess.run([*private, "true"], capture_output=True, check=False).returncode:
            pytest.skip("a mount of its own needs root or user namespaces; the limit is as good")
        doctor, prepare, reason = [*private, *doctor], None, "No space left"
    environ = os.environ | {"NGW2F_DATA_DIR": str(tmp_path), "NGW2F_REDIS_URL": ""}
    ran = subprocess.run(
        doctor, env=environ, preexec_fn=prepare, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    (line,) = [line for line in ran.stdout.splitlines() if line.split()[1] == "disk"]
    assert line.startswith(f"error   disk      {tmp_path} takes nothing more: ")
    assert reason in line
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_locked_database(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LOCK_SECONDS", 0.1)
    path = settings.sqlalchemy_url.removeprefix("sqlite:///")
    assert "lock" not in said(settings, "database")
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert "another program has held its lock" in said(settings, "database")


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_database_that_cannot_be_written(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(
        sqlite3, "connect", lambda *_: SimpleNamespace(execute=refuse, close=lambda: None)
    )
    sentence = "nothing can be written: attempt to write a readonly database"
    assert sentence in said(settings, "database")


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_postgresql_that_is_away(settings: Settings) -> None:
    url = "postgresql+psycopg://chat:hush@127.0.0.1:1/chat"
    away = msgspec.structs.replace(settings, database_url=url)
    assert "it cannot be asked: connection failed" in said(away, "database")
    assert "hush" not in said(away, "database")


def test_broker_that_is_away(settings: Settings) -> None:
    away = msgspec.structs.replace(settings, redis_url="redis://:hush@127.0.0.1:1/0")
    assert "it cannot be asked: Error 111 connecting to 127.0.0.1:1" in said(away, "broker")
    assert "hush" not in said(away, "broker")


def test_embedded_broker_without_a_server(settings: Settings) -> None:
    embedded = msgspec.structs.replace(settings, redis_url="")
    assert "the embedded one is not running" in said(embedded, "broker")


def test_broker_whose_memory_is_full(settings: Settings, redis: Redis) -> None:
    redis.config_set("maxmemory", "1")
    try:
        assert "it takes no changes: command not allowed when used memory" in said(
            settings, "broker"
        )
    finally:
        redis.config_set("maxmemory", "0")


def test_misspelt_setting(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NGW2F_RATE_LIMITS", "true")
    assert "NGW2F_RATE_LIMITS is not a setting" in said(settings, "settings")


def test_limits_that_are_off(settings: Settings) -> None:
    open_to_all = msgspec.structs.replace(settings, rate_limit=False)
    assert "the limits are off" in said(open_to_all, "settings")

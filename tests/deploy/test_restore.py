"""An operator restores a backup: not under a running chat, and clients are told of it."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.deploy.chats import environment, join, running_chat
from tests.needs import lacking
from tests.nginx.running import Client, make_front, running
from tests.waiting import wait_until


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ngw2f-restore-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def ngw2f(variables: dict[str, str], *command: str | Path) -> str:
    """Run the command; return the line that it fails with, if it does."""
    argv = [sys.executable, "-m", "ngw2f", *map(str, command)]
    told = subprocess.run(argv, env=variables, capture_output=True, text=True, timeout=120)
    assert told.returncode in (0, 1), told.stderr
    return told.stderr


def say(client: Client, headers: dict[str, str]) -> int:
    answer = client.ask("/api/messages", "POST", b'{"source": "hello"}', headers)
    assert answer.status == 201, answer.body
    return int(answer.json["id"])


def cursor_of(client: Client, message_id: int, after: str) -> str:
    """Return the id of the message's event, which may be told a moment after the post's answer."""
    place = after

    def told() -> str | None:
        nonlocal place
        answer = client.ask(f"/api/events?after={place}&wait=20").json
        place = answer["next"]
        ids = (each["id"] for each in answer["events"] if each["data"].get("id") == message_id)
        return next(ids, None)

    return wait_until(told)


def test_restore_of_an_older_state(
    directory: Path, backend: str, database_url: str, valkey_url: str, redis: Redis
) -> None:
    if backend == "postgresql" and not shutil.which("pg_dump"):
        lacking("pg_dump", "apt-get install postgresql-client")
    # The fixture's own SQLite is beside: this chat makes one.
    variables = environment(directory, database_url, valkey_url)
    backup = directory / "backup"

    def set_aside() -> None:
        for path in [] if database_url else directory.glob("chat.sqlite3*"):
            path.rename(directory / f"old-{path.name}")

    with running_chat(directory, "a", variables) as chat:
        front = make_front(directory / "nginx", [chat.socket])
        with running(front) as client:
            headers = join(client, "ann")
            kept = say(client, headers)
            assert ngw2f(variables, "backup", backup) == ""
            cursor = client.ask("/api/events").json["next"]
            lost = [say(client, headers) for _ in range(3)]
            cursor = cursor_of(client, lost[-1], cursor)
            set_aside()
            refused = ngw2f(variables, "restore", backup)
            assert "stop" in refused, refused
    assert ngw2f(variables, "restore", backup) == ""
    with running_chat(directory, "a", variables), running(front) as client:
        told = client.ask(f"/api/events?after={cursor}").json["events"]
        assert [event["event"] for event in told] == ["resync"]
        assert [each["id"] for each in client.ask("/api/messages").json["messages"]] == [kept]
        new = say(client, headers)
        # Whoever reads on from what is lost sees what is new.
        found = client.ask(f"/api/messages?after={lost[-1]}").json["messages"]
        assert [each["id"] for each in found] == [new]

"""New code comes into place under load, through nginx, without a failed request."""

import os
import signal
import tempfile
from pathlib import Path

import pytest

from deploy import renew
from tests.deploy.chats import Load, environment, join, running_chat
from tests.nginx.running import make_front, running

# In each stretch: before, during and after what is done.
REQUESTS = int(os.environ.get("RENEW_REQUESTS", "150"))


@pytest.fixture
def directory():
    with tempfile.TemporaryDirectory(prefix="ngw2f-renew-") as directory:
        yield Path(directory)


@pytest.fixture
def chats(directory, database_url, valkey_url, redis):
    variables = environment(directory, database_url, valkey_url)
    with running_chat(directory, "a", variables) as a, running_chat(directory, "b", variables) as b:
        yield [a, b]


@pytest.fixture
def client(chats, directory):
    with running(make_front(directory / "nginx", [chat.socket for chat in chats])) as client:
        yield client


def test_nothing_fails(client, chats):
    with Load(client, join(client, "ann")) as load:
        for chat in chats:
            load.wait_for(REQUESTS)
            renew.reload(chat.pid_file)
            load.wait_for(REQUESTS)
            before = chat.pid
            after = renew.upgrade(chat.pid_file, f"unix:{chat.socket}")
            assert after != before
            load.wait_for(REQUESTS)
    assert load.failures == []
    assert stored(client) >= set(load.acknowledged[-200:])


def test_broken_code_is_not_taken(client, chats, directory, monkeypatch):
    chat = chats[0]
    before = chat.pid
    monkeypatch.setattr(renew, "START_SECONDS", 4.0)
    with Load(client, join(client, "ann")) as load:
        load.wait_for(REQUESTS)
        # What the new master reads at its start, and the old one has read long ago.
        (directory / "settings.toml").write_text("[production]\nno_such_setting = 1\n")
        with pytest.raises(renew.RenewalError, match="did not start"):
            renew.upgrade(chat.pid_file, f"unix:{chat.socket}")
        load.wait_for(REQUESTS)
    assert load.failures == []
    assert chat.pid == before


def test_silent_workers_are_not_taken(client, chats, monkeypatch):
    chat = chats[0]
    before = chat.pid
    monkeypatch.setattr(renew, "_is_healthy", lambda _address: False)
    monkeypatch.setattr(renew, "HEALTH_SECONDS", 0.5)
    with Load(client, join(client, "ann")) as load:
        with pytest.raises(renew.RenewalError, match="old master goes on"):
            renew.upgrade(chat.pid_file, f"unix:{chat.socket}")
        load.wait_for(REQUESTS)
    assert load.failures == []
    assert chat.pid == before


def test_unknown_pid_file(tmp_path):
    with pytest.raises(renew.RenewalError, match="names no gunicorn"):
        renew.reload(tmp_path / "none.pid")


def test_killed_instance_loses_nothing_acknowledged(client, chats):
    with Load(client, join(client, "ann")) as load:
        load.wait_for(REQUESTS)
        os.kill(chats[0].pid, signal.SIGKILL)
        load.wait_for(REQUESTS)
    # What was under way there, at most one of each thread, and no more.
    assert len(load.failures) <= load.threads
    assert stored(client) >= set(load.acknowledged[-200:])


def stored(client):
    """Return the ids of the newest messages."""
    messages = client.ask("/api/messages?limit=200").json["messages"]
    return {message["id"] for message in messages}

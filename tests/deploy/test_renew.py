"""New code that does not work never comes into place, and no request fails by it.

That new code which works does, is in test_faults.py.
"""

import tempfile
from pathlib import Path

import pytest

from deploy import renew
from tests.deploy.chats import Load, environment, join, running_chat
from tests.nginx.running import make_front, running

# In each stretch: before, during and after what is done.
REQUESTS = 150


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

"""SIGHUP with what cannot be loaded: the old workers go on."""

import signal

import pytest

from tests.waiting import wait_until

SECONDS = 60
GOOD = '[development]\nlog_level = "INFO"\n'


@pytest.fixture
def settings_file(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text(GOOD)
    return path


def reload(server):
    """Have the server try, and return the line by which it says that it did not."""
    refused = server.text.count("the old workers go on")
    server.master.send_signal(signal.SIGHUP)
    wait_until(lambda: server.text.count("the old workers go on") > refused, SECONDS)
    return server.text.splitlines()


# Each stops another part of the check: reading, judging, and migrating. Workers with the
# last one would fail to start, and end the master.
BROKEN = {
    "settings.toml: ": "[development\n",
    "NGW2F_LOG_LEVEL: ": '[development]\nlog_level = "LOUD"\n',
    "NGW2F_DATABASE_URL: ": (
        '[development]\ndatabase_url = "postgresql+psycopg://chat:hush@127.0.0.1:1/chat"\n'
    ),
}


def test_what_cannot_be_loaded_is_refused(start, settings_file):
    server = start(SETTINGS=settings_file.parent)
    workers = server.web_workers()
    for line, text in BROKEN.items():
        settings_file.write_text(text)
        assert [each for each in reload(server) if each.startswith(f"ngw2f: {line}")]
    assert server.web_workers() == workers
    assert server.get("/readyz").status_code == 200
    assert "Traceback" not in server.text
    assert "hush" not in server.text
    settings_file.write_text(GOOD)
    server.master.send_signal(signal.SIGHUP)
    wait_until(lambda: server.web_workers() and not server.web_workers() & workers, SECONDS)
    wait_until(lambda: server.get("/readyz").status_code == 200)

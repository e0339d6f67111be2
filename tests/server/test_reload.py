"""SIGHUP with what cannot be loaded: the old workers go on."""

import signal

import pytest

from tests.waiting import wait_until

GOOD = '[development]\nlog_level = "INFO"\n'


@pytest.fixture
def settings_file(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text(GOOD)
    return path


@pytest.fixture
def server(start, settings_file):
    return start(SETTINGS=settings_file.parent)


def reload(server):
    """Have the server try, and return the line by which it says that it did not."""
    refused = server.text.count("the old workers go on")
    server.master.send_signal(signal.SIGHUP)
    wait_until(lambda: server.text.count("the old workers go on") > refused, 30)
    return server.text.splitlines()


def test_broken_settings_are_refused(server, settings_file):
    workers = server.web_workers()
    settings_file.write_text('[development]\nlog_level = "LOUD"\n')
    lines = reload(server)
    assert [line for line in lines if line.startswith("ngw2f: NGW2F_LOG_LEVEL: ")]
    # The second time as the first.
    settings_file.write_text("[development\n")
    lines = reload(server)
    assert [line for line in lines if line.startswith("ngw2f: settings.toml: ")]
    assert server.web_workers() == workers
    assert server.get("/readyz").status_code == 200
    assert "Traceback" not in server.text
    settings_file.write_text(GOOD)
    server.master.send_signal(signal.SIGHUP)
    wait_until(lambda: server.web_workers() and not server.web_workers() & workers, 30)
    wait_until(lambda: server.get("/readyz").status_code == 200)


def test_database_that_is_away_is_refused(server, settings_file):
    """The settings are well; workers with them would fail to start, and end the master."""
    workers = server.web_workers()
    settings_file.write_text(
        '[development]\ndatabase_url = "postgresql+psycopg://chat:hush@127.0.0.1:1/chat"\n'
    )
    lines = reload(server)
    assert [line for line in lines if line.startswith("ngw2f: NGW2F_DATABASE_URL: ")]
    assert "hush" not in server.text
    assert server.web_workers() == workers
    assert server.get("/readyz").status_code == 200

"""SIGHUP: the old workers go on while new ones boot, and where these cannot be."""

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


# A worker that boots waits for a file; the first one finds it.
SLOW_BOOT = """
import pathlib, time
import ngw2f.reload
exec(pathlib.Path("gunicorn.conf.py").read_text())
# However long it takes to boot.
ngw2f.reload.SERVING_SECONDS = 600
begin = post_worker_init

def post_worker_init(worker):
    pathlib.Path("{here}/boots").touch()
    while not pathlib.Path("{here}/go").exists():
        time.sleep(0.02)
    begin(worker)
"""


def test_old_worker_answers_while_the_new_one_boots(start, tmp_path):
    configuration, boots, go = (tmp_path / name for name in ("slow.py", "boots", "go"))
    configuration.write_text(SLOW_BOOT.format(here=tmp_path))
    go.touch()
    server = start(f"--config={configuration}")
    workers = server.web_workers()
    go.unlink()
    boots.unlink()
    server.master.send_signal(signal.SIGHUP)
    wait_until(boots.exists, SECONDS)
    assert server.get("/api/messages").status_code == 200
    assert workers < server.web_workers()
    go.touch()
    wait_until(lambda: server.web_workers() and not server.web_workers() & workers, SECONDS)
    assert server.get("/api/messages").status_code == 200

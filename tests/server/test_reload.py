"""SIGHUP: the old workers go on while new ones boot, and where these cannot be."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from ngw2f.server import renewal
from tests.migrated import copy_migrated
from tests.notified import NotifySocket
from tests.server.server import Server, run_server
from tests.server.test_life import wait_for_successor
from tests.waiting import wait_until

SECONDS = 300
GOOD = '[development]\nlog_level = "INFO"\n'


@pytest.fixture(scope="module")
def settings_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("settings") / "settings.toml"
    path.write_text(GOOD)
    return path


@pytest.fixture(scope="module")
def outside(valkey_url: str) -> dict[str, Any]:
    """Give the settings of a server whose broker is not its own, which starts sooner."""
    # Without workers it is never quite ready.
    return {
        "path": "/api/messages",
        "REDIS_URL": valkey_url,
        "REDIS_PREFIX": f"{uuid4()}:",
    }


@pytest.fixture(scope="module")
def told_by_a_file(
    settings_file: Path, outside: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Run a server for the tests that break its settings, and mend them."""
    directory = tmp_path_factory.mktemp("told")
    with run_server(directory / "var", SETTINGS=settings_file.parent, **outside) as server:
        yield server


def reload(server: Server) -> list[str]:
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
    "NGW2F_PROFILE_DIR: ": '[development]\nprofile_dir = "/proc/none"\n',
    "NGW2F_DATABASE_URL: ": (
        '[development]\ndatabase_url = "postgresql+psycopg://chat:hush@127.0.0.1:1/chat"\n'
    ),
}


def test_what_cannot_be_loaded_is_refused(told_by_a_file: Server, settings_file: Path) -> None:
    server = told_by_a_file
    workers = server.web_workers()
    for line, text in BROKEN.items():
        settings_file.write_text(text)
        assert [each for each in reload(server) if each.startswith(f"ngw2f: {line}")]
    assert server.web_workers() == workers
    assert server.get("/api/messages").status_code == 200
    assert "Traceback" not in server.text
    assert "hush" not in server.text
    settings_file.write_text(GOOD)
    server.master.send_signal(signal.SIGHUP)
    wait_until(lambda: server.web_workers() and not server.web_workers() & workers, SECONDS)
    wait_until(lambda: server.get("/api/messages").status_code == 200)


# A boot and a check each wait for a file; what a test wants to fail fails.
HELD = """
import os, pathlib, sys, time
here = pathlib.Path({here!r})

def wait_for(name):
    (here / (name + ".begun")).touch()
    while not (here / name).exists():
        time.sleep(0.02)

if "--check-config" in sys.argv:
    wait_for("check")
    # That it loads the application is seen above; so what comes after it is not loaded, either.
    os._exit(0)
exec(pathlib.Path("gunicorn.conf.py").read_text())
exec((here / "more.py").read_text())
begin = post_worker_init

def post_worker_init(worker):
    wait_for("boot")
    if (here / "broken").exists():
        raise ValueError("it cannot begin")
    begin(worker)
    (here / "mark").write_text(os.environ.get("MARK", "none"))
"""


class Held:
    """A server whose checks and boots go on when a test says so."""

    server: Server

    def __init__(self, directory: Path, manager: NotifySocket) -> None:
        self.directory, self.manager = directory, manager
        (directory / "held.py").write_text(HELD.format(here=str(directory)))
        for name in ("check", "boot", "more.py"):
            (directory / name).touch()
        self.pid_file = directory / "pid"
        self.options = (f"--config={directory}/held.py", f"--pid={self.pid_file}")

    def hold(self, *names: str) -> None:
        for name in names:
            (self.directory / name).unlink()
            (self.directory / f"{name}.begun").unlink(missing_ok=True)

    def go(self, name: str) -> None:
        (self.directory / name).touch()

    def begin(self, *, held: str = "") -> None:
        """Send SIGHUP; wait until the step *held*, which then waits for `go`, has begun."""
        self.first = self.server.web_workers()
        if held:
            self.hold(held)
        self.server.master.send_signal(signal.SIGHUP)
        if held:
            wait_until((self.directory / f"{held}.begun").exists, SECONDS)

    def told(self) -> Any:
        return renewal.read(self.pid_file, self.server.master.pid)

    def wait_for_new_workers(self) -> None:
        old, now = self.first, self.server.web_workers
        wait_until(lambda: now() and not now() & old, SECONDS)
        assert self.server.get("/api/messages").status_code == 200


@pytest.fixture(scope="module")
def held(outside: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    directory = tmp_path_factory.mktemp("held")
    manager = NotifySocket(directory / "notify")
    chat = Held(directory, manager)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NOTIFY_SOCKET", manager.address)
        patch.setenv("WATCHDOG_USEC", "300000")
        running = run_server(directory / "var", *chat.options, **outside)
        with manager.listening(), running as chat.server:
            yield chat
    manager.close()


def test_old_worker_and_watchdog_are_served_through_a_reload(held: Held) -> None:
    told = held.manager.states
    held.manager.forget()
    held.hold("boot")
    held.begin(held="check")
    for step in ("check", "boot"):
        wait_until((held.directory / f"{step}.begun").exists, SECONDS)
        heard = told.count("WATCHDOG=1")
        wait_until(lambda: told.count("WATCHDOG=1") > heard + 3, SECONDS)  # noqa: B023 # at once
        assert told.count("RELOADING=1") == 1
        assert "READY=1" not in told
        assert held.server.get("/api/messages").status_code == 200
        assert held.first <= held.server.web_workers()
        held.go(step)
    held.wait_for_new_workers()
    wait_until(lambda: "READY=1" in told, SECONDS)
    assert held.told() == renewal.READY


def test_worker_that_dies_during_a_check_is_replaced(held: Held) -> None:
    held.begin(held="check")
    for pid in held.first:
        os.kill(pid, signal.SIGKILL)
    held.wait_for_new_workers()
    held.first = held.server.web_workers()
    held.go("check")
    held.wait_for_new_workers()


@pytest.mark.parametrize("step", ["check", "boot"])
def test_second_reload_takes_the_place_of_the_first(held: Held, step: str) -> None:
    """What hung the first one has been mended."""
    held.begin(held=step)
    (held.directory / "held.py").write_text("import time; time.sleep(600)")
    refused = held.server.text.count("reload refused")
    held.server.master.send_signal(signal.SIGHUP)
    (held.directory / "held.py").write_text(HELD.format(here=str(held.directory)))
    held.go(step)
    held.server.master.send_signal(signal.SIGHUP)
    held.wait_for_new_workers()
    assert held.server.text.count("reload refused") == refused


def test_upgrade_during_a_check_is_another_matter(held: Held) -> None:
    """It is taken back; the reload goes on."""
    held.begin(held="check")
    held.server.master.send_signal(signal.SIGUSR2)
    new = wait_for_successor(held.server)
    os.kill(new, signal.SIGTERM)
    wait_until(lambda: new not in held.server.processes(), SECONDS)
    wait_until(lambda: held.told() == renewal.REFUSED, SECONDS)
    held.go("check")
    held.wait_for_new_workers()


def test_new_worker_that_cannot_begin_is_given_up(held: Held) -> None:
    held.go("broken")
    (held.directory / "more.py").write_text("raw_env = ['MARK=new']\n")
    first = held.server.web_workers()
    assert "a new worker ended before it served" in " ".join(reload(held.server))
    assert held.server.web_workers() == first
    assert held.server.get("/api/messages").status_code == 200
    assert held.told() == renewal.REFUSED
    assert held.pid_file.exists()
    # What is started now has the environment of the old ones, too.
    (held.directory / "broken").unlink()
    held.first = first
    for pid in first:
        os.kill(pid, signal.SIGKILL)
    held.wait_for_new_workers()
    assert (held.directory / "mark").read_text() == "none"
    held.begin()
    held.wait_for_new_workers()
    wait_until(lambda: (held.directory / "mark").read_text() == "new", SECONDS)


def test_new_worker_that_hangs_is_given_up(held: Held) -> None:
    setting = "import ngw2f.server.reload_guard as module; module.SERVING_SECONDS = {}\n"
    (held.directory / "more.py").write_text(setting.format(1))
    first = held.server.web_workers()
    held.hold("boot")
    assert "has not served in 1 s" in " ".join(reload(held.server))
    wait_until(lambda: held.server.web_workers() == first, SECONDS)
    assert held.server.get("/api/messages").status_code == 200
    (held.directory / "more.py").write_text(setting.format(300))
    held.go("boot")
    held.begin()
    held.wait_for_new_workers()


def test_server_that_is_stopped_in_a_check_ends(held: Held) -> None:
    """The last one of this server."""
    held.begin(held="check")
    held.server.master.terminate()
    assert held.server.master.wait(SECONDS) == 0
    wait_until(lambda: not held.server.processes(), SECONDS)


def test_worker_that_dies_over_broken_settings_does_not_end_the_server(
    told_by_a_file: Server, settings_file: Path
) -> None:
    server = told_by_a_file
    settings_file.write_text("[development\n")
    reload(server)
    for pid in server.web_workers():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: server.text.count("exited with code 3") > 1, SECONDS)
    assert server.master.poll() is None
    settings_file.write_text(GOOD)
    wait_until(lambda: answers(server), SECONDS)


def answers(server: Server) -> bool:
    try:
        return server.get("/api/messages").status_code == 200
    except requests.ConnectionError:
        return False


def test_first_worker_that_cannot_begin_ends_the_server(tmp_path: Path) -> None:
    """Whoever starts it shall see that it does not work."""
    chat = Held(tmp_path, NotifySocket(tmp_path / "notify"))
    chat.go("broken")
    copy_migrated(tmp_path / "var")
    server = Server(tmp_path / "var", *chat.options)
    try:
        assert server.master.wait(SECONDS) == 3
    finally:
        server.stop()
        chat.manager.close()

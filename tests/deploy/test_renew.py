"""New code that does not work never comes into place, and no request fails by it.

That new code which works does, is in test_faults.py.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy import renew
from ngw2f.server import renewal
from tests.deploy.chats import Chat, Load, environment, join, running_chat
from tests.nginx.running import Client, make_front, running
from tests.processes import children_of
from tests.waiting import wait_until

# In each stretch: before, during and after what is done.
REQUESTS = 60


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(
        prefix="ngw2f-renew-", ignore_cleanup_errors=True
    ) as directory:
        yield Path(directory)


# Python runs this at its start: an application that cannot be loaded, and says so late.
BROKEN_LATE = """
import pathlib, sys, time

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "app" and (pathlib.Path(__file__).parent / "broken").exists():
            time.sleep(5)
            raise ImportError("it is broken")

sys.meta_path.insert(0, Finder())
"""


@pytest.fixture
def wrong_settings(directory: Path) -> Iterator[None]:
    """Write settings that no server takes, which those that run have read long ago."""
    path = directory / "settings.toml"
    path.write_text("[production]\nno_such_setting = 1\n")
    yield
    path.unlink()


@pytest.fixture(scope="module")
def chats(directory: Path, valkey_url: str) -> Iterator[list[Chat]]:
    """Run two instances for all tests: what these do to the first one leaves it whole."""
    (directory / "sitecustomize.py").write_text(BROKEN_LATE)
    variables = environment(directory, "", valkey_url)
    variables["PYTHONPATH"] = str(directory)
    variables["NGW2F_REDIS_PREFIX"] = f"{directory.name}:"
    with running_chat(directory, "a", variables) as a, running_chat(directory, "b", variables) as b:
        yield [a, b]


@pytest.fixture(scope="module")
def client(chats: list[Chat], directory: Path) -> Iterator[Client]:
    with running(make_front(directory / "nginx", [chat.socket for chat in chats])) as client:
        yield client


def test_broken_code_is_not_taken(
    client: Client,
    chats: list[Chat],
    request: pytest.FixtureRequest,
) -> None:
    chat = chats[0]
    before = chat.pid
    with Load(client, join(client, "ann")) as load:
        load.wait_for(REQUESTS)
        request.getfixturevalue("wrong_settings")
        with pytest.raises(renew.RenewalError, match="did not start"):
            renew.upgrade(chat.pid_file, f"unix:{chat.socket}")
        load.wait_for(REQUESTS)
    assert load.failures == []
    assert chat.pid == before


def test_application_that_fails_late_is_not_taken(
    client: Client, chats: list[Chat], directory: Path
) -> None:
    """Its master runs meanwhile, and the old workers answer."""
    chat = chats[0]
    before, workers = chat.pid, children_of(chat.pid)
    with Load(client, join(client, "bob")) as load:
        (directory / "broken").touch()
        with pytest.raises(renew.RenewalError, match=r"the old (one|master) goes on"):
            renew.upgrade(chat.pid_file, chat.bind)
        load.wait_for(REQUESTS)
    (directory / "broken").unlink()
    assert load.failures == []
    assert chat.pid == before
    # That it has ended is seen before its parent knows it.
    wait_until(lambda: children_of(before) == workers)


def test_silent_workers_are_not_taken(
    client: Client, chats: list[Chat], monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = chats[0]
    before, workers = chat.pid, children_of(chat.pid)
    monkeypatch.setattr(renew, "_is_healthy", lambda _address: False)
    monkeypatch.setattr(renew, "HEALTH_SECONDS", 0.5)
    with Load(client, join(client, "carl")) as load:
        with pytest.raises(renew.RenewalError, match="old master goes on"):
            renew.upgrade(chat.pid_file, f"unix:{chat.socket}")
        load.wait_for(REQUESTS)
    assert load.failures == []
    assert chat.pid == before
    # The new master ends when it has finished; what the old one says of it is for nobody else.
    wait_until(lambda: renewal.read(chat.pid_file, before) == renewal.REFUSED)
    wait_until(lambda: children_of(before) == workers)


def test_reload_ends_with_new_workers(chats: list[Chat]) -> None:
    chat = chats[0]
    before = children_of(chat.pid)
    renew.reload(chat.pid_file)
    assert set(children_of(chat.pid)) - set(before)
    # The old one may still have something to finish.
    wait_until(lambda: not set(children_of(chat.pid)) & set(before))


@pytest.mark.usefixtures("wrong_settings")
def test_refused_reload_is_reported(chats: list[Chat]) -> None:
    chat = chats[0]
    before = children_of(chat.pid)
    command = [sys.executable, "-m", "deploy.renew", "reload", str(chat.pid_file)]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert told.stderr.startswith("renew: refused, the server's log says why")
    assert children_of(chat.pid) == before


@pytest.mark.parametrize("what", [renew.reload, lambda path: renew.upgrade(path, "unix:none")])
def test_pid_file_of_nobody(tmp_path: Path, what: Callable[[Path], object]) -> None:
    path = tmp_path / "gunicorn.pid"
    with pytest.raises(renew.RenewalError, match="names no running gunicorn"):
        what(path)
    with subprocess.Popen(["true"]) as process:
        process.wait()
    path.write_text(f"{process.pid}\n")
    with pytest.raises(renew.RenewalError, match="names no running gunicorn"):
        what(path)
    assert os.listdir(tmp_path) == ["gunicorn.pid"]

"""Both types of Socket.IO with the official client in a browser, alone and behind nginx."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from examples.socketio import emit
from examples.transcript.playing import play
from examples.transcript.stage import Stage
from tests.chromium import launched_browser
from tests.examples.needs import lacking_as_in_transcripts
from tests.needs import lacking

ASIDE = Path(emit.__file__).parent
WAIT_MS = 60_000
# What a tab that is gone has left open is not waited for.
PYTHON = (
    "gunicorn --worker-class gevent --graceful-timeout 1 --bind 127.0.0.1:{} server:application"
)


@pytest.fixture(scope="module")
def aside(node_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy of the folder which has what `npm install` brings."""
    if not (node_modules / "socket.io").is_dir():
        lacking("Socket.IO's server", "npm install socket.io")
    directory = tmp_path_factory.mktemp("aside") / ASIDE.name
    unwanted = shutil.ignore_patterns("__pycache__", "node_modules")
    shutil.copytree(ASIDE, directory, ignore=unwanted)
    (directory / "node_modules").symlink_to(node_modules)
    return directory


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def stage(aside: Path) -> Iterator[Stage]:
    """Give a stage with the two Python servers."""
    with Stage(aside) as stage:
        for port in (8000, 8001):
            stage.start(PYTHON.format(port))
        yield stage


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[[int | str], Any]]:
    """Give a function that opens the page of a server in a tab of its own."""
    context = browser.new_context()

    def open_at(port: int | str) -> Any:
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.goto(f"http://127.0.0.1:{port}/")
        return page

    yield open_at
    context.close()


def wait_for_state(page: Any, state: str) -> None:
    page.wait_for_selector(f"#state:text-is('{state}')")


def say(page: Any, text: str) -> None:
    page.fill("input", text)
    page.click("button")


def test_python_server_tells_its_tabs_what_one_says(
    stage: Stage, open_page: Callable[[int | str], Any]
) -> None:
    one, two, other = [open_page(stage.ports[port]) for port in ("8000", "8000", "8001")]
    for page in (one, two, other):
        wait_for_state(page, "connected")
    say(one, "hello")
    for page in (one, two):
        page.wait_for_selector("li:text-is('hello')")
    say(other, "is anybody here?")
    other.wait_for_selector("li:text-is('is anybody here?')")
    assert [page.locator("li").count() for page in (one, two, other)] == [1, 1, 1]


def test_node_server_tells_what_python_emits(
    stage: Stage, open_page: Callable[[int | str], Any]
) -> None:
    redis = stage.serve("sh valkey.sh 8002")
    page = open_page(stage.serve(f"node server.js 8003 redis://127.0.0.1:{redis}"))
    wait_for_state(page, "connected")
    stage.run(f"python emit.py redis://127.0.0.1:{redis} 'hello from Python'")
    page.wait_for_selector("li:text-is('hello from Python')")


def test_node_server_by_hand(aside: Path) -> None:
    with lacking_as_in_transcripts():
        play(aside / "node.telnet")


def test_two_servers_need_sessions_that_stick(
    stage: Stage, open_page: Callable[[int | str], Any]
) -> None:
    with lacking_as_in_transcripts():
        stage.check("nginx: apt install nginx")
    for conf, port, state in [
        ("nginx.conf", "8080", "transport error"),
        ("sticky.conf", "8081", "connected"),
    ]:
        stage.run(f"nginx -p . -c {conf}")
        wait_for_state(open_page(stage.ports[port]), state)

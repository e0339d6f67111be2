"""The playground: a chain that is edited while the chat runs."""

import http.client
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlencode

import pytest

from examples.middleware import play
from examples.transcript.machine import answers, free_port
from tests.examples.needs import CHEAPLY
from tests.waiting import HANGING_SECONDS

# Its port and its process.
Playground = tuple[int, subprocess.Popen[bytes]]

EDITED = """
from functools import partial
from middleware.chain import Layer
from middleware.headers import HeadersMiddleware, set_header
rules = [set_header("X-Edited", "yes")]
layers = [Layer("headers", partial(HeadersMiddleware, response=rules), "mine")]
"""

WORKERS = """
import os
from functools import partial
from middleware.chain import Layer
from middleware.headers import HeadersMiddleware, set_header
who = set_header("X-Worker", str(os.getpid()))
played = set_header("X-Played-With", "yes")
layers = [
    Layer("who", partial(HeadersMiddleware, response=[who]), "tells the worker"),
    Layer("played", partial(HeadersMiddleware, response=[played]), "to be switched"),
]
"""

FAILING = """
from middleware.chain import Layer
def failing(app):
    return lambda environ, start_response: 1 / 0
layers = [Layer("failing", failing, "to see what the page says")]
"""

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="looks for processes in /proc"
)


@pytest.fixture
def file() -> Iterator[Path]:
    source = Path(play.__file__).with_name(play.NAME)
    # Of a short name: Valkey's socket is below it, and pytest's worker is in tmp_path.
    with tempfile.TemporaryDirectory(prefix="ngw2f-play-") as directory:
        yield Path(shutil.copy(source, directory))


@pytest.fixture
def playground(file: Path, request: pytest.FixtureRequest) -> Iterator[Playground]:
    """Run the playground with a file of the test's own, its temporary folders beside it."""
    port = free_port()
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(Path(play.__file__).parents[2]), CHEAPLY]),
        "TMPDIR": str(file.parent),
        "WEB_CONCURRENCY": str(getattr(request, "param", 1)),
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "examples.middleware.play", str(port)],
        cwd=file.parent, env=environ, start_new_session=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + HANGING_SECONDS
        while not answers(port):
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield port, server
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGINT)
            assert server.wait(HANGING_SECONDS) == 0


@pytest.fixture
def port(playground: Playground) -> int:
    return playground[0]


def ask(port: int, path: str = "/", timeout: int = 60) -> tuple[http.client.HTTPResponse, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    connection.request("GET", path, headers={"Accept": "text/html"})
    response = connection.getresponse()
    content = response.read().decode()
    connection.close()
    return response, content


def test_chain_is_around_the_chat_and_follows_the_file(port: int, file: Path) -> None:
    for _ in range(2):
        response, page = ask(port)
        assert response.headers["X-Played-With"] == "yes"
        assert "<p>played with</p>\n</body>" in page
    assert ask(port, "/alive")[1] == "ok\n"
    file.write_text(EDITED)
    response, page = ask(port)
    assert response.headers["X-Edited"] == "yes"
    assert "played with" not in page
    file.write_text("layers = [")
    response, page = ask(port)
    assert response.status == 500
    assert "SyntaxError" in page
    file.write_text(EDITED)
    assert ask(port)[0].status == 200
    file.write_text(FAILING)
    response, page = ask(port)
    assert response.status == 500
    assert "ZeroDivisionError" in page
    # Some editors write another file, and put it in the place of this one.
    file.rename(file.with_suffix(".bak"))
    response, page = ask(port)
    assert response.status == 500
    assert "FileNotFoundError" in page
    file.with_suffix(".bak").rename(file)
    assert "ZeroDivisionError" in ask(port)[1]


def processes_of(directory: Path) -> list[int]:
    """Give the processes that were started with this directory in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if str(directory).encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue  # Another user's, or ended meanwhile.
    return found


@needs_proc
def test_sigterm_leaves_neither_process_nor_folder(playground: Playground, file: Path) -> None:
    _, server = playground
    assert len(processes_of(file.parent)) > 1
    assert list(file.parent.glob("playground-*/"))
    server.terminate()
    assert server.wait(HANGING_SECONDS) == 0
    deadline = time.monotonic() + 60
    while processes_of(file.parent):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not list(file.parent.glob("playground-*/"))


def switch(port: int, headers: Mapping[str, str] | None = None, **form: str) -> int:
    """Send the form of /playground, as a click does; give the status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    typed = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
    connection.request("POST", "/playground", urlencode(form), typed)
    status = connection.getresponse().status
    connection.close()
    return status


@contextmanager
def paused(pid: int) -> Iterator[None]:
    """Stop a worker for a while, so that the other one answers."""
    os.kill(pid, signal.SIGSTOP)
    try:
        deadline = time.monotonic() + 60
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def two_workers(port: int) -> tuple[int, int]:
    """Give the process numbers of both, once both have answered."""
    first = int(ask(port)[0].headers["X-Worker"])
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        # gunicorn ends a worker that has been silent for 30 s, and the other may still be starting.
        with paused(first), suppress(TimeoutError):
            return first, int(ask(port, timeout=5)[0].headers["X-Worker"])
    pytest.fail("one worker alone answers")


@needs_proc
@pytest.mark.parametrize("playground", [2], indirect=True, ids=["two workers"])
def test_switches_hold_for_all_workers(port: int, file: Path) -> None:
    file.write_text(WORKERS)
    assert switch(port, {"Origin": "http://evil.example"}, off="played") == 403
    assert switch(port, off="nosuch") == 400
    first, second = two_workers(port)
    with paused(first):
        assert ask(port)[0].headers["X-Played-With"] == "yes"
        assert switch(port, {"Origin": f"http://127.0.0.1:{port}"}, off="played") == 303
    with paused(second):
        response, _ = ask(port)
        assert int(response.headers["X-Worker"]) == first
        assert "X-Played-With" not in response.headers
        assert switch(port, on="played") == 303
    # One line is the worker's.
    assert "Different lines: 1 new, 1 changed." in ask(port, "/playground")[1]
    assert ask(port)[0].headers["X-Played-With"] == "yes"
    # The chat's own layers are switched, too.
    assert switch(port, off="chat: security headers") == 303
    assert "Content-Security-Policy" not in ask(port)[0].headers


def test_file_beside_the_module_is_the_last_resort(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert play.playground_path() == Path(play.__file__).with_name(play.NAME)


def test_module_has_nothing_else() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = play.nothing

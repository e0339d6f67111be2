"""The playground: a chain that is edited while the chat runs."""

import http.client
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from examples.middleware import play
from examples.transcript.machine import answers, free_port

EDITED = """
from functools import partial
from middleware.chain import Layer
from middleware.headers import HeadersMiddleware, set_header
rules = [set_header("X-Edited", "yes")]
layers = [Layer("headers", partial(HeadersMiddleware, response=rules), "mine")]
"""

FAILING = """
from middleware.chain import Layer
def failing(app):
    return lambda environ, start_response: 1 / 0
layers = [Layer("failing", failing, "to see what the page says")]
"""


@pytest.fixture
def file(tmp_path):
    source = Path(play.__file__).with_name(play.NAME)
    return Path(shutil.copy(source, tmp_path))


@pytest.fixture
def playground(file):
    """Run the playground with a file of the test's own, its temporary folders beside it."""
    port = free_port()
    environ = {
        **os.environ,
        "PYTHONPATH": str(Path(play.__file__).parents[2]),
        "TMPDIR": str(file.parent),
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "examples.middleware.play", str(port)],
        cwd=file.parent, env=environ, start_new_session=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while not answers(port):
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield port, server
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGINT)
            assert server.wait(60) == 0


@pytest.fixture
def port(playground):
    return playground[0]


def ask(port, path="/"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path, headers={"Accept": "text/html"})
    response = connection.getresponse()
    content = response.read().decode()
    connection.close()
    return response, content


def test_chain_is_around_the_chat_and_follows_the_file(port, file):
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


def processes_of(directory):
    """Give the processes that were started with this directory in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if str(directory).encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue  # Another user's, or ended meanwhile.
    return found


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
def test_sigterm_leaves_neither_process_nor_folder(playground, file):
    _, server = playground
    assert len(processes_of(file.parent)) > 1
    assert list(file.parent.glob("playground-*/"))
    server.terminate()
    assert server.wait(60) == 0
    deadline = time.monotonic() + 60
    while processes_of(file.parent):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not list(file.parent.glob("playground-*/"))


def test_versions_of_one_moment_differ(file):
    before, modified = play.version_of(file), file.stat().st_mtime_ns
    file.write_text(EDITED)
    os.utime(file, ns=(modified, modified))
    assert play.version_of(file) != before


def test_file_beside_the_module_is_the_last_resort(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert play.playground_path() == Path(play.__file__).with_name(play.NAME)


def test_module_has_nothing_else():
    with pytest.raises(AttributeError, match="nothing"):
        _ = play.nothing

"""Every step of the walk: its transcripts, its README as written, its size."""

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tokenize
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import examples
from examples.demo import STEPS
from examples.transcript.machine import answers, free_port
from examples.transcript.playing import play
from examples.transcript.stage import LackingError, Stage
from tests.needs import lacking

WALK = Path(examples.__file__).parent
REPOSITORY = WALK.parent
MAX_CODE_LINES = 80
# Two processors can wait for more than two things.
AT_A_TIME = 5
# What the commands of a README need, beside the package.
NEEDS = {
    "http": ["nginx: apt install nginx"],
    "flask": ["import flask: pip install flask"],
    "live": [
        "import socketio: pip install python-socketio",
        "import simple_websocket: pip install simple-websocket",
    ],
}

TRANSCRIPTS = sorted(WALK.glob("*/*.telnet"))
PROGRAMS = sorted(path for path in WALK.rglob("*.py") if path.read_text())


def name_of(path):
    return str(path.relative_to(WALK))


def test_every_folder_is_a_step():
    folders = {path.parent.name for path in TRANSCRIPTS}
    assert folders == set(STEPS)


@pytest.fixture(scope="module")
def begun(request, tmp_path_factory):
    """Begin all that was selected, a few at a time, since most of it waits; give the futures."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        futures = {}
        for item in request.session.items:
            match getattr(item, "originalname", ""), getattr(item, "callspec", None):
                case "test_transcript_is_what_is_seen", call:
                    path = call.params["path"]
                    futures[path] = pool.submit(play, path)
                case "test_readme_runs_as_written", call:
                    step = call.params["step"]
                    directory = tmp_path_factory.mktemp(step) / step
                    futures[step] = pool.submit(run_readme, step, directory)
        yield futures
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=name_of)
def test_transcript_is_what_is_seen(path, begun):
    try:
        begun[path].result()
    except LackingError as error:
        lacking(*str(error).removeprefix("needs ").split(": ", 1))


@pytest.mark.parametrize("path", PROGRAMS, ids=name_of)
def test_program_is_short(path):
    assert len(code_lines(path)) <= MAX_CODE_LINES


def test_server_has_the_lines_that_it_promises():
    path = WALK / "wsgi" / "server.py"
    assert "sixty lines" in path.read_text(encoding="utf-8")
    assert len(code_lines(path)) <= 60


@pytest.mark.parametrize("path", sorted(WALK.glob("*/README.md")), ids=name_of)
def test_readme_is_a_screen(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 50
    assert max(map(len, lines)) <= 120


def code_lines(path):
    """Give the numbers of the lines that are neither blank nor comment nor docstring."""
    with path.open("rb") as file:
        tokens = list(tokenize.tokenize(file.readline))
    silent = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    silent |= {tokenize.ENCODING, tokenize.ENDMARKER}
    lines = {
        number
        for token in tokens
        if token.type not in silent
        for number in range(token.start[0], token.end[0] + 1)
    }
    return lines - docstring_lines(ast.parse(path.read_text(encoding="utf-8")))


def docstring_lines(tree):
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        number
        for node in ast.walk(tree)
        if isinstance(node, documented) and ast.get_docstring(node) is not None
        for number in range(node.body[0].lineno, node.body[0].end_lineno + 1)
    }


# The README's blocks are terminals: one that is followed by "In another terminal" goes on.


def check_needs(step):
    """Raise `LackingError` for what the commands of a README need and this machine lacks."""
    with Stage(WALK) as stage:
        for need in NEEDS.get(step, []):
            stage.check(need)


def blocks_of(readme):
    """Give the commands of each indented block, and whether another terminal is used after it."""
    text = readme.read_text(encoding="utf-8")
    parts = re.split(r"\n\n((?:    .*\n|\n(?=    ))+)", text)
    return [
        (re.sub(r"(?m)^    ", "", block), "another terminal" in after.split("\n\n    ")[0])
        for block, after in zip(parts[1::2], parts[2::2], strict=True)
    ]


@pytest.mark.parametrize("step", STEPS)
def test_readme_runs_as_written(step, begun):
    try:
        begun[step].result()
    except LackingError as error:
        lacking(*str(error).removeprefix("needs ").split(": ", 1))


def run_readme(step, directory):
    """Run the commands of a step, copied out of the repository."""
    check_needs(step)
    shutil.copytree(WALK / step, directory, ignore=shutil.ignore_patterns("__pycache__"))
    ports = {str(number): str(free_port()) for number in (8000, 8001)}
    environ = {
        **os.environ,
        # The package as if it were installed; the step is not taken from there.
        "PYTHONPATH": str(REPOSITORY),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "GUNICORN_CMD_ARGS": f"--bind 127.0.0.1:{ports['8000']}",
    }
    running = []
    try:
        for block, goes_on in blocks_of(directory / "README.md"):
            commands = re.sub(r"\b800[01]\b", lambda port: ports[port[0]], block)
            process = subprocess.Popen(
                ["bash", "-euc", commands], cwd=directory, env=environ, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if not goes_on else None, stderr=subprocess.STDOUT,
                text=True, start_new_session=True,
            )  # fmt: skip
            running.append(process)
            if goes_on:
                port = next((ports[name] for name in ("8001", "8000") if name in block), None)
                wait_for(int(port or ports["8000"]), process)
            else:
                output, _ = process.communicate(timeout=60)
                assert process.returncode == 0, f"{commands}\n{output}"
    finally:
        for process in running:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
            process.communicate(timeout=20)


def wait_for(port, process):
    deadline = time.monotonic() + 30
    while not answers(port):
        assert process.poll() is None, "the server did not start"
        assert time.monotonic() < deadline
        time.sleep(0.05)

"""Every step of the walk: its transcripts, its README as written, its size."""

import ast
import os
import re
import signal
import subprocess
import time
import tokenize
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from examples.demo import ASIDES, STEPS
from examples.transcript.machine import answers, free_port
from examples.transcript.stage import Stage
from tests.examples.needs import lacking_as_in_transcripts
from tests.examples.readmes import (
    MEASURING,
    PLAY_SECONDS,
    WALK,
    copy_step,
    environ_of_commands,
    environ_without_checkout,
)
from tests.needs import lacking

MAX_CODE_LINES = 80
# Two processors can wait for more than two things.
AT_A_TIME = 5
# A README's command that does nothing but play transcripts.
PLAYED = re.compile(r"(?m)^python -m examples\.transcript (.*\.telnet)$")
# What a person types in the talk "NGW2F" (Chad Rempp) for the same demo, by the notes of its
# speaker: each command, those that enter its folder too, and the line of the request.
TYPED_IN_THE_TALK = {"http": 6, "gunicorn": 9, "wsgi": 8, "werkzeug": 8, "flask": 8}
# What the commands of a README need, beside the package.
NEEDS = {
    "http": ["nginx: apt install nginx"],
    "front": ["nginx: apt install nginx"],
    "gunicorn": ["pkill: apt install procps"],
    "flask": ["import flask: pip install flask"],
    "sessions": ["import flask: pip install flask"],
    "commands": ["import flask: pip install flask"],
    "queues": ["import celery: pip install celery"],
    "socketio": ["nginx: apt install nginx", "curl: apt install curl"],
    "live": [
        "import socketio: pip install python-socketio",
        "import simple_websocket: pip install simple-websocket",
    ],
}

# Played by test_socketio.py, with what npm installs.
ELSEWHERE = {WALK / "socketio" / "node.telnet"}
TRANSCRIPTS = sorted(set(WALK.glob("*/*.telnet")) - ELSEWHERE)
# Pages beside a README, with sessions in them.
PAGES = sorted(path for path in WALK.glob("*/*.md") if path.name != "README.md")
PROGRAMS = sorted(path for path in WALK.rglob("*.py") if path.read_text())


def name_of(path: Path) -> str:
    return str(path.relative_to(WALK))


def test_every_folder_is_a_step_or_an_aside() -> None:
    folders = {path.parent.name for path in TRANSCRIPTS}
    assert folders == {*STEPS, *ASIDES}


@pytest.fixture(scope="module")
def begun(
    request: pytest.FixtureRequest, installed: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[Path, Future[Any]]]:
    """Begin all that was selected, a few at a time, since most of it waits; give the futures."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        futures: dict[Path, Future[Any]] = {}
        run: Callable[[Path, Path, Path], object]
        for item in request.session.items:
            call: Any = getattr(item, "callspec", None)
            match getattr(item, "originalname", ""):
                case "test_transcript_is_what_is_seen":
                    run, what, step = (
                        play_transcript,
                        call.params["path"],
                        call.params["path"].parent,
                    )
                case "test_readme_runs_as_written":
                    step = WALK / call.params["step"]
                    run, what = run_page, step / "README.md"
                case "test_page_runs_as_written":
                    run, what, step = run_page, call.params["page"], call.params["page"].parent
                case _:
                    continue
            directory = copy_step(step.name, tmp_path_factory.mktemp(step.name))
            futures[what] = pool.submit(run, what, directory, installed)
        yield futures
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=name_of)
def test_transcript_is_what_is_seen(path: Path, begun: dict[Path, Future[Any]]) -> None:
    played = begun[path].result()
    if played.returncode == 2 and ": needs " in played.stderr:
        lacking(*played.stderr.strip().partition(": needs ")[2].split(": ", 1))
    assert played.returncode == 0, played.stderr


def play_transcript(
    path: Path, directory: Path, programs: Path
) -> subprocess.CompletedProcess[str]:
    """Play a transcript where its step was copied to; its chat does not migrate, but if it says so.

    Those of READMEs do.
    """
    migrates = "ngw2f migrate" in path.read_text(encoding="utf-8")
    return play_copied(path, directory, programs, environ_without_checkout(migrates=migrates))


def play_copied(
    path: Path, directory: Path, programs: Path, environ: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Play a transcript by the command that READMEs give."""
    command = [str(programs / "python"), "-m", "examples.transcript", "--quiet", path.name]
    return subprocess.run(
        command, cwd=directory, env=environ, capture_output=True, text=True, timeout=PLAY_SECONDS,
        check=False,
    )  # fmt: skip


@pytest.mark.parametrize("path", PROGRAMS, ids=name_of)
def test_program_is_short(path: Path) -> None:
    assert len(code_lines(path)) <= MAX_CODE_LINES


def test_server_has_the_lines_that_it_promises() -> None:
    path = WALK / "wsgi" / "server.py"
    assert "sixty lines" in path.read_text(encoding="utf-8")
    assert len(code_lines(path)) <= 60


@pytest.mark.parametrize("path", sorted(WALK.glob("*/README.md")), ids=name_of)
def test_readme_is_a_screen(path: Path) -> None:
    # A ladder is looked at, like a picture.
    text = re.sub(r"(?s)<!-- ladder.*?```text\n.*?```\n", "", path.read_text(encoding="utf-8"))
    lines = text.rstrip().splitlines()
    assert len(lines) <= 50
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize("step", STEPS)
def test_step_begins_by_hand_and_with_no_more_lines_than_the_talk(step: str) -> None:
    blocks = [block for block, _ in blocks_of(WALK / step / "README.md")]
    assert blocks[0].startswith("$ ")
    # A session that goes on further below counts as well.
    lines = [line for block in blocks if block.startswith("$ ") for line in block.splitlines()]
    assert any(line.startswith("$ telnet ") for line in lines)
    assert lines.count(">") == 1, "one empty line ends the request"
    entering_the_folder = 1
    typed = entering_the_folder + sum(line.startswith(("$", ">")) for line in lines)
    assert typed <= TYPED_IN_THE_TALK.get(step, max(TYPED_IN_THE_TALK.values()))


def test_nginx_stands_in_front_of_each_application_in_the_same_way() -> None:
    steps = ["gunicorn", "wsgi", "werkzeug", "flask"]
    assert len({(WALK / step / "nginx.conf").read_text() for step in steps}) == 1


@pytest.mark.parametrize("step", STEPS + ASIDES)
def test_readme_leads_to_each_transcript(step: str) -> None:
    text = (WALK / step / "README.md").read_text(encoding="utf-8")
    there = {path.name for path in (WALK / step).glob("*.telnet")}
    assert set(re.findall(r"\w+\.telnet", text)) == there


def code_lines(path: Path) -> set[int]:
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


def docstring_lines(tree: ast.AST) -> set[int]:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        number
        for node in ast.walk(tree)
        if isinstance(node, documented) and ast.get_docstring(node) is not None
        for number in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    }


@pytest.mark.parametrize("step", MEASURING)
def test_measuring_lines_are_run_by_the_test_of_their_step(step: str) -> None:
    test = Path(__file__).with_name(f"test_{step}.py").read_text(encoding="utf-8")
    assert f'print_measured("{step}", ' in test


# The README's blocks are terminals: one that is followed by "In another terminal" goes on.


def check_needs(step: str) -> None:
    """Raise `LackingError` for what the commands of a README need and this machine lacks."""
    with Stage(WALK / step) as stage:
        for need in NEEDS.get(step, []):
            stage.check(need)


def blocks_of(readme: Path) -> list[tuple[str, bool]]:
    """Give the commands of each indented block, and whether another terminal is used after it."""
    text = readme.read_text(encoding="utf-8")
    parts = re.split(r"\n\n((?:    .*\n|\n(?=    ))+)", text)
    return [
        (re.sub(r"(?m)^    ", "", block), "another terminal" in after.split("\n\n    ")[0])
        for block, after in zip(parts[1::2], parts[2::2], strict=True)
    ]


@pytest.mark.parametrize("step", STEPS + ASIDES)
def test_readme_runs_as_written(step: str, begun: dict[Path, Future[Any]]) -> None:
    with lacking_as_in_transcripts():
        begun[WALK / step / "README.md"].result()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_page_runs_as_written(page: Path, begun: dict[Path, Future[Any]]) -> None:
    with lacking_as_in_transcripts():
        begun[page].result()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_readme_leads_to_each_page(page: Path) -> None:
    assert f"({page.name})" in (page.parent / "README.md").read_text(encoding="utf-8")


def run_page(page: Path, directory: Path, programs: Path) -> None:
    """Run the commands of a page that was copied, but for those that another test runs.

    These play transcripts, or measure.
    """
    check_needs(directory.name)
    ports = {str(number): str(free_port()) for number in (8000, 8001)}
    environ = environ_of_commands(programs, ports["8000"])
    elsewhere = MEASURING.get(directory.name, [])
    running = []
    try:
        for block, goes_on in blocks_of(directory / page.name):
            if block.startswith("$ "):
                play_block(block, directory, programs)
                continue
            block = PLAYED.sub("", block)
            block = "\n".join(line for line in block.splitlines() if line not in elsewhere)
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
                output, _ = process.communicate(timeout=PLAY_SECONDS)
                assert process.returncode == 0, f"{commands}\n{output}"
    finally:
        for process in running:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
            process.communicate(timeout=60)


def play_block(block: str, directory: Path, programs: Path) -> None:
    """Play a session that stands in a README."""
    path = directory / "session.telnet"
    path.write_text(block, encoding="utf-8")
    played = play_copied(path, directory, programs, environ_without_checkout())
    assert played.returncode == 0, played.stderr


def wait_for(port: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not answers(port):
        assert process.poll() is None, "the server did not start"
        assert time.monotonic() < deadline
        time.sleep(0.05)

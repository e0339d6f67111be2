"""The examples of docs/middleware.md, each run as a program of its own, and without Werkzeug."""

from __future__ import annotations

import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import middleware
from tests.waiting import HANGING_SECONDS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "middleware.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
PROGRAMS = [example for example in EXAMPLES if "\napplication = " in example]
CONTRACTS = [example for example in EXAMPLES if example not in PROGRAMS]

# What is not the standard library's, but for what the example says.
WITHOUT = """
import sys
for name in {blocked!r}:
    sys.modules[name] = None
"""
SERVED = """
import threading, urllib.request
from wsgiref.simple_server import make_server
from wsgiref.validate import validator

server = make_server("127.0.0.1", 0, validator(application))
threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/"
with urllib.request.urlopen(url, timeout=60) as answer:
    assert answer.status == 200
    assert answer.read().startswith(b"Hello world!")
server.shutdown()
server.server_close()
"""
PACKAGES = {"werkzeug", "flask", "limits", "redis", "msgspec", "gevent", "gunicorn", "whitenoise"}


# Each program is a fork of a Python that has loaded what all of them need of the standard library,
# and nothing of ours.
FORKING = """
import json, os, sys, threading, urllib.request
from wsgiref.simple_server import make_server
from wsgiref.validate import validator

for number, program in enumerate(json.load(sys.stdin)):
    said = os.open(f"{sys.argv[1]}/{number}", os.O_WRONLY | os.O_CREAT)
    if not os.fork():
        os.dup2(said, 1)
        os.dup2(said, 2)
        exec(program)
        break
    _, status = os.wait()
    os.close(said)
    print(status, flush=True)
"""


def run(programs: list[str], directory: Path) -> list[str]:
    """Run programs, each by itself; return what each of them said when it failed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORKING, str(directory)], cwd=ROOT,
        input=json.dumps(programs), capture_output=True, text=True, timeout=HANGING_SECONDS,
        check=True,
    )  # fmt: skip
    statuses = map(int, done.stdout.split())
    return [
        (directory / str(number)).read_text() or f"status {status}" if status else ""
        for number, status in enumerate(statuses)
    ]


def named(example: str) -> str:
    """Return what an example is about: the piece that it puts around the application."""
    found = re.search(r"\napplication = (\w+)|class (\w+)", example)
    return next(filter(None, found.groups())) if found else "?"


def test_page_has_examples() -> None:
    assert (len(PROGRAMS), len(CONTRACTS)) == (18, 2)


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Run all programs of the page; give what those said that failed, by their text."""
    programs = []
    for example in PROGRAMS:
        mentioned = {name for name in PACKAGES if f"from {name} import" in example}
        programs.append(WITHOUT.format(blocked=PACKAGES - mentioned) + example + SERVED)
    said = run(programs, tmp_path_factory.mktemp("programs"))
    return dict(zip(PROGRAMS, said, strict=True))


@pytest.mark.parametrize("example", PROGRAMS, ids=named)
def test_example_is_a_program(example: str, failed: dict[str, str]) -> None:
    assert not failed[example]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """Run all examples of the contract; give the outcomes of the tests of each."""
    directory = tmp_path_factory.mktemp("contracts")
    names = [f"test_example_{number}.py" for number in range(len(CONTRACTS))]
    for name, example in zip(names, CONTRACTS, strict=True):
        (directory / name).write_text(example)
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, f"--rootdir={directory}", *(str(directory / name) for name in names)], cwd=ROOT,
        capture_output=True, text=True, timeout=HANGING_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return [re.findall(rf"(?m)^([A-Z]+) .*{name}\b", done.stdout) for name in names]


@pytest.mark.parametrize("number", range(len(CONTRACTS)), ids=map(named, CONTRACTS))
def test_example_of_the_contract_passes(number: int, outcomes: list[list[str]]) -> None:
    assert set(outcomes[number]) == {"PASSED"}


def test_all_of_it_is_imported_without_other_packages(tmp_path: Path) -> None:
    modules = pkgutil.walk_packages(middleware.__path__, "middleware.")
    program = "\n".join(f"import {module.name}" for module in modules)
    [said] = run([WITHOUT.format(blocked=PACKAGES) + program], tmp_path)
    assert not said


def test_program_that_fails_is_found(tmp_path: Path) -> None:
    missing = WITHOUT.format(blocked={"werkzeug"}) + "import werkzeug"
    found = run(["print(1)", missing, "raise SystemExit(3)"], tmp_path)
    assert (found[0], "import of werkzeug" in found[1], found[2]) == ("", True, "status 768")

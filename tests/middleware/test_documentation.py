"""The examples of docs/middleware.md, each run as a program of its own, and without Werkzeug."""

from __future__ import annotations

import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import middleware

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
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/"
with urllib.request.urlopen(url, timeout=60) as answer:
    assert answer.status == 200
    assert answer.read().startswith(b"Hello world!")
server.shutdown()
server.server_close()
"""
PACKAGES = {"werkzeug", "flask", "limits", "redis", "msgspec", "gevent", "gunicorn", "whitenoise"}


def run(program: str, blocked: set[str]) -> None:
    command = [sys.executable, "-W", "error", "-c", WITHOUT.format(blocked=blocked) + program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def named(example: str) -> str:
    """Return what an example is about: the piece that it puts around the application."""
    found = re.search(r"\napplication = (\w+)|class (\w+)", example)
    return next(filter(None, found.groups())) if found else "?"


def test_page_has_examples() -> None:
    assert (len(PROGRAMS), len(CONTRACTS)) == (18, 2)


@pytest.mark.parametrize("example", PROGRAMS, ids=named)
def test_example_is_a_program(example: str) -> None:
    mentioned = {name for name in PACKAGES if f"from {name} import" in example}
    run(example + SERVED, PACKAGES - mentioned)


@pytest.mark.parametrize("example", CONTRACTS, ids=named)
def test_example_of_the_contract_passes(example: str, tmp_path: Path) -> None:
    (tmp_path / "test_example.py").write_text(example)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=."]
    command.append(str(tmp_path / "test_example.py"))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_all_of_it_is_imported_without_other_packages() -> None:
    modules = pkgutil.walk_packages(middleware.__path__, "middleware.")
    run("\n".join(f"import {module.name}" for module in modules), PACKAGES)

"""The two distributions: what is in them, and each where nothing else is installed."""

import configparser
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

import middleware
import ngw2f
from tests.distributions import ROOT

# A program as a user writes it after reading the README.
USER = """
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from middleware.cache import CachePolicy, HTTPCacheMiddleware, MemoryStore
from middleware.chain import Layer, chain
from middleware.request_id import RequestIDMiddleware
from middleware.security import SecurityHeadersMiddleware



def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Cache-Control", "max-age=60")])
    return [b"Hello"]


cached = HTTPCacheMiddleware(app, store=MemoryStore(1_000_000), policy=CachePolicy())
application = chain(
    [
        Layer("request id", RequestIDMiddleware, "every log below names the request"),
        Layer("security headers", SecurityHeadersMiddleware, "on every page"),
    ],
    cached,
)
cached.drop_groups(["notes"])
"""
# What a client sees of it, once over a socket.
ASKED = """
import threading, urllib.request
from wsgiref.simple_server import make_server

server = make_server("127.0.0.1", 0, application)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/"
for _ in range(2):
    with urllib.request.urlopen(url, timeout=60) as answer:
        print(answer.headers["Cache-Status"])
server.shutdown()
"""


@pytest.fixture(scope="module")
def alone(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the Python of a new environment with the middleware's wheel alone."""
    environment = tmp_path_factory.mktemp("alone")
    venv.create(environment, symlinks=True)
    python = environment / "bin" / "python"
    pip(python, "install", "--quiet", "--no-index", "--find-links", str(dist), "ngw2f-middleware")
    return python


def pip(python: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "pip", "--python", str(python), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def names_in_wheel(path: Path) -> set[str]:
    with zipfile.ZipFile(path) as wheel:
        return set(wheel.namelist())


def files_of(package: str) -> set[str]:
    folder = ROOT / package
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {str(path.relative_to(ROOT)) for path in found}


@pytest.mark.parametrize(
    ("wheel", "package", "others"),
    [
        ("ngw2f_middleware-*.whl", "middleware", set()),
        ("ngw2f-*.whl", "ngw2f", {"app.py", "gunicorn.conf.py", "settings.toml"}),
    ],
)
def test_wheel_has_its_package_and_nothing_else(
    dist: Path, wheel: str, package: str, others: set[str]
) -> None:
    [path] = dist.glob(wheel)
    names = names_in_wheel(path)
    assert {name for name in names if name.startswith(f"{package}/")} == files_of(package)
    rest = {name for name in names if not name.startswith(f"{package}/")}
    assert {name.rpartition("/")[2] for name in rest if ".data/" in name} == others
    assert all(".data/" in name or ".dist-info/" in name for name in rest)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in rest)


def test_index_would_show_their_descriptions(dist: Path) -> None:
    command = [sys.executable, "-m", "twine", "check", "--strict", *map(str, dist.iterdir())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.count("PASSED")) == (0, 4), done.stdout


def test_sdists_have_the_tests_that_run_there(dist: Path) -> None:
    found = {}
    for path in dist.glob("*.tar.gz"):
        with tarfile.open(path) as sdist:
            members = sdist.getmembers()
            assert not [each.name for each in members if each.issym()]
            found[path.name.rpartition("-")[0]] = {
                each.name.partition("/")[2] for each in members if each.isfile()
            }
    own, chat = found["ngw2f_middleware"], found["ngw2f"]
    suites = {"tests/middleware/test_chain.py", "tests/middleware/cache/test_middleware.py"}
    assert suites | {"conftest.py", "docs/middleware.md", "tests/waiting.py"} <= own
    assert not [name for name in own if name.startswith(("tests/ngw2f", "tests/test_", "ngw2f/"))]
    assert {"tests/conftest.py", "tests/ngw2f/test_routes.py", "examples/demo.py"} <= chat
    of_the_repository = ("middleware/", "tests/packages/", "tests/docs/")
    assert not [name for name in chat if name.startswith(of_the_repository)]


def test_middleware_comes_alone(alone: Path) -> None:
    assert pip(alone, "list", "--format=freeze").split() == ["ngw2f-middleware==0.1.0"]
    program = (
        "from middleware.answer import Answer\n"
        "from middleware.cache import HTTPCacheMiddleware\n"
        'hello = Answer("200 OK", "Hello", [("Cache-Control", "max-age=60")])\n'
        f"application = HTTPCacheMiddleware(hello)\n{ASKED}"
    )
    said = subprocess.run(
        [alone, "-W", "error", "-c", program], cwd=alone.parent, capture_output=True, text=True,
        check=True,
    ).stdout  # fmt: skip
    assert re.fullmatch(r"wsgi; fwd=uri-miss; stored\nwsgi; hit; ttl=\d+\n", said)


def test_types_of_a_users_program_are_checked(alone: Path, tmp_path: Path) -> None:
    """By what the wheel says (PEP 561), outside the checkout."""
    (tmp_path / "app.py").write_text(USER)
    (tmp_path / "wrong.py").write_text(
        'from middleware.cache import HTTPCacheMiddleware\nHTTPCacheMiddleware("no application")\n'
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(alone), "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    wrong = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert [line.split(":")[0] for line in wrong] == ["wrong.py"], done.stdout


def test_both_have_one_version() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    own = tomllib.loads((ROOT / "packages/middleware/pyproject.toml").read_text())
    assert own["project"]["dependencies"] == []
    required = setup["options"]["install_requires"]
    assert f"\nngw2f-middleware=={middleware.__version__}\n" in required
    assert middleware.__version__ == ngw2f.__version__

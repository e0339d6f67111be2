"""`make stack`: one command, and one signal that stops all of it."""

import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import postgresql
from deploy.stack import ROOT
from examples.transcript.machine import free_port
from nginx.render import Front
from tests.deploy.chats import join
from tests.needs import lacking
from tests.nginx.running import Client, need_nginx
from tests.waiting import HANGING_SECONDS, wait_until

# PostgreSQL's cluster is made, and ten processes start at once.
START_SECONDS = HANGING_SECONDS
STOP_SECONDS = HANGING_SECONDS
# Not what PostgreSQL runs as for root.
ORDINARY, ORDINARY_GROUP = "nobody", "nogroup"


@pytest.fixture
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(
        prefix="ngw2f-stack-", ignore_cleanup_errors=True
    ) as directory:
        # PostgreSQL's user goes through it, if this is run by root.
        os.chmod(directory, 0o755)
        yield Path(directory)


@pytest.fixture(params=["this user", "somebody"])
def as_user(request: pytest.FixtureRequest, directory: Path) -> list[str]:
    """Give what goes before a command: nothing, or what makes root an ordinary user."""
    if request.param == "this user":
        return []
    if os.geteuid() != 0:
        pytest.skip("needs root, to be another user; this one is ordinary anyway")
    shutil.chown(directory, ORDINARY)
    user = ["setpriv", f"--reuid={ORDINARY}", f"--regid={ORDINARY_GROUP}", "--clear-groups"]
    if subprocess.run([*user, sys.executable, "-c", "import deploy.reach"], cwd=ROOT).returncode:
        pytest.skip(f"the user {ORDINARY} may not read this checkout or its Python")
    return user


@pytest.fixture
def stack(
    directory: Path, as_user: list[str]
) -> Iterator[tuple[Client, subprocess.Popen[bytes], Path, dict[str, str]]]:
    """Give a client of a running stack, its process, its screen's file and its environment."""
    need_nginx()
    if not importlib.util.find_spec("honcho"):
        lacking("honcho", "make stack, or pip install honcho")
    ports = {"STACK_HTTP_PORT": str(free_port()), "STACK_HTTPS_PORT": str(free_port())}
    environment = {**os.environ, **ports, "STACK_DIR": os.path.relpath(directory)}
    # It is ready only with a Redis, which a busy machine may be slow to run.
    environment["NGW2F_REDIS_TIMEOUT_SECONDS"] = "10"
    screen = directory / "screen.log"
    with open(screen, "wb") as output:
        command = [*as_user, sys.executable, "-m", "deploy.stack"]
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        yield _client(directory, ports, process, screen), process, screen, environment
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(STOP_SECONDS)


def test_chat_flow_and_end(
    stack: tuple[Client, subprocess.Popen[bytes], Path, dict[str, str]],
) -> None:
    client, process, screen, environment = stack
    headers = join(client, "ann")
    posted = client.ask("/api/messages", "POST", b'{"source": "hello *world*"}', headers)
    assert posted.status == 201
    assert "<em>world</em>" in _html(client, posted.headers["Location"])
    assert client.ask("/readyz").status == 200
    if postgresql.find_programs():
        assert "(PostgreSQL)" in screen.read_text()
    # nginx came last, and somebody said that all is there.
    ready = f"The chat is ready at https://localhost:{client.front.https_port} "
    wait_until(lambda: screen.read_text().count(ready) == 1)
    text = screen.read_text()
    first_line_of_nginx = re.search(r"^\S+ nginx\.1 +\| ", text, re.MULTILINE)
    assert first_line_of_nginx is not None
    assert text.count("The chat is at ", 0, first_line_of_nginx.start()) == 2
    # The command works with what the stack has.
    assert f"{engine()}, with the newest schema" in operate(environment["STACK_DIR"], "doctor")

    second = subprocess.run(process.args, env=environment, capture_output=True, text=True)
    assert second.returncode == 1
    assert re.search(r"^stack: .* is in use by another one; .*$", second.stderr, re.MULTILINE)

    pids = [int(pid) for pid in re.findall(r"started \(pid=(\d+)\)", screen.read_text())]
    assert len(pids) >= 5
    process.send_signal(signal.SIGINT)
    assert process.wait(STOP_SECONDS) is not None
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", client.front.https_port))
    assert "Traceback" not in screen.read_text()
    # The cluster was closed, not killed.
    if postgresql.find_programs():
        assert "database system is shut down" in screen.read_text()


def engine() -> str:
    return "postgresql" if postgresql.find_programs() else "sqlite"


def operate(directory: str, *arguments: str) -> str:
    command = [
        sys.executable,
        "-m",
        "deploy.operate",
        f"--environment={Path(directory).absolute()}/stack/environment",
    ]
    told = subprocess.run([*command, *arguments], capture_output=True, text=True, cwd=ROOT)
    return told.stdout + told.stderr


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ({"NGW2F_LOG_LEVEL": "LOUD"}, "stack: NGW2F_LOG_LEVEL: "),
        ({"NGW2F_LINKS_ALLOW": "nothing"}, "stack: NGW2F_LINKS_ALLOW: "),
        ({"NGW2F_ENV": "none"}, "stack: NGW2F_ENV: settings.toml has no section [none]"),
        ({"NGW2F_DATABASE_URL": "postgresql+pg8000://localhost/x"}, "stack: NGW2F_DATABASE_URL: "),
        ({"NGW2F_DATABASE_URL": "postgresql+psycopg://a:hush@127.0.0.1:1/x"}, "stack: NGW2F_DATAB"),
        ({"STACK_HTTPS_PORT": "many"}, "stack: STACK_HTTPS_PORT is not a port: many"),
        (
            {"STACK_HTTP_PORT": "taken"},
            "stack: port taken cannot be had (Address already in use); ",
        ),
        ({"STACK_HTTPS_PORT": "same"}, "stack: STACK_HTTP_PORT and STACK_HTTPS_PORT must be two"),
        ({"NGW2F_DATA_DIR": "/proc/none"}, "stack: NGW2F_DATA_DIR: "),
        ({"STACK_DIR": "/proc/none"}, "stack: STACK_DIR: "),
        ({"NGW2F_PROFILE_DIR": "/proc/none"}, "stack: NGW2F_PROFILE_DIR: "),
        ({"NGW2F_REDIS_URL": "redis://127.0.0.1:1"}, "stack: NGW2F_REDIS_URL: Error 111 "),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_what_would_stop_a_part_is_one_line(
    directory: Path, setting: dict[str, str], line: str
) -> None:
    need_nginx()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = str(taken.getsockname()[1])
        setting = {name: text.replace("taken", number) for name, text in setting.items()}
        if setting.get("STACK_HTTPS_PORT") == "same":
            setting = dict.fromkeys(("STACK_HTTP_PORT", "STACK_HTTPS_PORT"), str(free_port()))
        ports = {"STACK_HTTP_PORT": str(free_port()), "STACK_HTTPS_PORT": str(free_port())}
        environment = {**os.environ, **ports, "STACK_DIR": str(directory), **setting}
        command = [sys.executable, "-m", "deploy.stack"]
        told = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert told.returncode == 1
    (said,) = told.stderr.splitlines()
    assert said.startswith(line.replace("taken", number))
    assert "hush" not in said


def test_command_loads_only_what_it_needs() -> None:
    program = (
        "import sys, deploy.stack; unwanted = {'redis', 'sqlalchemy', 'ngw2f.commands.cli'};"
        "sys.exit(' '.join(unwanted & set(sys.modules)) or None)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def _client(
    directory: Path, ports: dict[str, str], process: subprocess.Popen[bytes], screen: Path
) -> Client:
    """Wait until the stack is ready."""
    certificate = directory / "nginx" / "certificate.pem"
    deadline = time.monotonic() + START_SECONDS
    front = Front(
        directory=directory,
        run=directory,
        certificate=certificate,
        key=certificate,
        names=["localhost"],
        servers=[],
        http_port=int(ports["STACK_HTTP_PORT"]),
        https_port=int(ports["STACK_HTTPS_PORT"]),
    )
    while True:
        try:
            client = Client(front)
            if client.ask("/readyz").status == 200:
                return client
        except OSError:
            pass
        assert process.poll() is None, screen.read_text()
        assert time.monotonic() < deadline, screen.read_text()
        time.sleep(0.2)


def _html(client: Client, location: str) -> str:
    deadline = time.monotonic() + START_SECONDS
    while True:
        message = client.ask(location).json
        if message["rendered"]:
            return str(message["html"])
        assert time.monotonic() < deadline
        time.sleep(0.05)

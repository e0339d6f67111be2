"""The whole stack on one machine: `make stack`.

nginx, two gunicorn instances, a pool of workers, Valkey, and PostgreSQL if its programs
are installed. The Procfile names them, honcho runs them on one screen, and each of them
is one command of this module, which becomes that program. Everything that they write is
under var/, or under STACK_DIR. The ports are STACK_HTTP_PORT and STACK_HTTPS_PORT, 8080
and 8443 unless set.

Everything that would stop one of them is checked before any is started. A command
loads only what it needs of ngw2f and the libraries, because eight commands start at once. nginx
starts when the instances answer, and a line says when the stack is ready.
"""

import argparse
import contextlib
import fcntl
import http.client
import os
import resource
import shutil
import socket
import ssl
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from deploy import postgresql, valkey
from deploy.foundation import USERS_LOCK
from deploy.health import is_healthy
from nginx.certificate import make_certificate
from nginx.render import FILES, Front, command, find_nginx, render
from ngw2f.broker.embedded import embedded_socket
from ngw2f.server.precheck import check, make_folder
from ngw2f.settings import SettingError, Settings, load_settings

ROOT = Path(__file__).resolve().parent.parent
HTTP_PORT = "8080"
HTTPS_PORT = "8443"
INSTANCES = 2
WORKERS = 2
# honcho holds a lock on this file.
LOCK = "stack.lock"
# The environment for the `ngw2f` command on the stack's data, in its data directory.
ENVIRONMENT = "environment"
# It takes some seconds, and longer on a slow machine or when a large database is migrated.
WAIT_SECONDS = 300.0
ASK_SECONDS = 5.0


class StackError(Exception):
    """The stack cannot run; the message is one line with the reason."""


def start() -> None:
    """Choose what to run, and become honcho. Raises StackError."""
    if not find_nginx():
        raise StackError("nginx is not installed (apt-get install nginx, brew install nginx)")
    if not shutil.which("openssl"):
        raise StackError("openssl is not installed, which makes the certificate")
    os.environ.setdefault("NGW2F_ENV", "production")
    # The processes have other current folders.
    os.environ["STACK_DIR"] = str(Path(os.environ.get("STACK_DIR", ROOT / "var")).absolute())
    os.environ.setdefault("NGW2F_SETTINGS", str(ROOT))
    data_dir = Path(os.environ.get("NGW2F_DATA_DIR", _var() / "stack"))
    os.environ["NGW2F_DATA_DIR"] = str(data_dir.absolute())
    os.environ.setdefault("STACK_HTTP_PORT", HTTP_PORT)
    os.environ.setdefault("STACK_HTTPS_PORT", HTTPS_PORT)
    # The Procfile's `python` is this interpreter.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # Each line appears on the screen at once.
    os.environ["PYTHONUNBUFFERED"] = "1"
    make_folder("STACK_DIR", _var())
    settings = _settings()
    check(settings)
    _hold_alone(settings)
    _check_ports()
    processes = [
        *_foundations(settings),
        *(f"web{number}" for number in range(1, INSTANCES + 1)),
        "worker",
        "nginx",
    ]
    _write_environment(_settings())
    sys.stdout.write("Starting; a line says when the chat is ready.\n")
    sys.stdout.flush()
    screen = [sys.executable, "-m", "deploy.screen", "-f", str(ROOT / "Procfile"), "start"]
    os.chdir(ROOT)
    os.execv(sys.executable, [*screen, *processes])


def _check_ports() -> None:
    for name in ("STACK_HTTP_PORT", "STACK_HTTPS_PORT"):
        text = os.environ[name]
        if not (text.isascii() and text.isdecimal() and 0 < int(text) < 65536):
            raise StackError(f"{name} is not a port: {text}")
        try:
            socket.create_server(("127.0.0.1", int(text))).close()
        except OSError as error:
            reason = f"port {text} cannot be had ({os.strerror(error.errno or 0)})"
            raise StackError(f"{reason}; stop what uses it, or set {name}") from error
    if os.environ["STACK_HTTP_PORT"] == os.environ["STACK_HTTPS_PORT"]:
        raise StackError("STACK_HTTP_PORT and STACK_HTTPS_PORT must be two ports")


def _foundations(settings: Settings) -> list[str]:
    """Return which database and broker to run, and set their addresses in the environment."""
    names = []
    if settings.is_embedded:
        from ngw2f.broker.connection import broker_url

        os.environ["NGW2F_REDIS_URL"] = broker_url(settings)
        names.append("valkey")
    else:
        _check_broker(settings)
    if settings.database_url:
        _check_database(settings)
    else:
        reason = postgresql.why_not(_var())
        if reason is None:
            os.environ["NGW2F_DATABASE_URL"] = postgresql.url(_var())
            names.append("postgresql")
        else:
            sys.stdout.write(f"The database is SQLite: {reason}\n")
    return names


def _check_broker(settings: Settings) -> None:
    """Check whether the operator's own Redis is reachable."""
    from deploy.reach import why_no_broker

    if reason := why_no_broker(settings):
        raise StackError(f"NGW2F_REDIS_URL: {reason}")


def _check_database(settings: Settings) -> None:
    """Check whether the operator's own database is valid and reachable."""
    from deploy.reach import why_no_database

    if reason := why_no_database(settings):
        raise StackError(f"NGW2F_DATABASE_URL: {reason}")


def _write_environment(settings: Settings) -> None:
    """Write the file for `deploy.operate --environment`."""
    path = settings.data_path / ENVIRONMENT
    path.touch(mode=0o600)
    lines = [f"{name}={text}" for name, text in os.environ.items() if name.startswith("NGW2F_")]
    path.write_text("".join(f"{line}\n" for line in sorted(lines)))


def run_valkey() -> None:
    valkey.run(_settings())


def run_postgresql() -> None:
    postgresql.run(_var(), _settings().data_path)


def run_web(number: int) -> None:
    """Become a gunicorn instance: one worker, on a Unix socket."""
    settings = _settings()
    _hold_foundations(settings)
    _wait_for_foundations(settings)
    path = _socket(settings, number)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = ["--bind", f"unix:{path}", "--bind", f"unix:{_stream_socket(settings, number)}"]
    options += ["--workers", "1"]
    options += ["--pid", str(settings.data_path / f"web-{number}.pid")]
    # Not `python -m gunicorn`, with which a hot upgrade fails (ngw2f/commands/cli.py).
    gunicorn = str(Path(sysconfig.get_path("scripts")) / "gunicorn")
    _become([gunicorn, "-c", "gunicorn.conf.py", *options, "app:application"])


def run_worker() -> None:
    """Become the pool of RQ workers."""
    settings = _settings()
    _hold_foundations(settings)
    _wait_for_foundations(settings)
    from ngw2f.commands import cli

    cli.main(["migrate"])
    _become([sys.executable, "-m", "ngw2f", "worker", f"--workers={WORKERS}"])


def run_nginx() -> None:
    """Become nginx once the instances answer; a child reports when the stack is ready."""
    front = _front(_settings())
    render(front)
    for server in front.servers:
        _wait_until(partial(is_healthy, server, ASK_SECONDS), f"no instance answers at {server}")
    subprocess.Popen([sys.executable, "-m", "deploy.stack", "ready"], cwd=ROOT)
    _become([*command(front), "-g", "daemon off;"])


def say_ready() -> None:
    """Print the chat's address once it answers a browser's request."""
    port = os.environ["STACK_HTTPS_PORT"]
    certificate = _var() / "nginx" / "certificate.pem"

    def is_ready() -> bool:
        context = ssl.create_default_context(cafile=certificate)
        asked = http.client.HTTPSConnection(
            "localhost", int(port), context=context, timeout=ASK_SECONDS
        )
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(asked):
            asked.request("GET", "/readyz")
            return asked.getresponse().status == http.client.OK
        return False

    _wait_until(is_ready, f"not all is ready: see https://localhost:{port}/readyz")
    sys.stdout.write(f"The chat is ready at https://localhost:{port} (Ctrl-C stops all of it)\n")


def _front(settings: Settings) -> Front:
    directory = _var() / "nginx"
    names = ["localhost", "127.0.0.1", "[::1]", socket.gethostname()]
    certificate, key = make_certificate(directory, names)
    numbers = range(1, INSTANCES + 1)
    return Front(
        directory=directory / "conf",
        run=directory,
        certificate=certificate,
        key=key,
        names=names,
        servers=[f"unix:{_socket(settings, number)}" for number in numbers],
        stream_servers=[f"unix:{_stream_socket(settings, number)}" for number in numbers],
        http_port=int(os.environ["STACK_HTTP_PORT"]),
        https_port=int(os.environ["STACK_HTTPS_PORT"]),
        # Started by root, nginx's workers would lose the right to read var/.
        user="root" if os.geteuid() == 0 else None,
        access_log="/dev/stdout",
        error_log="stderr",
        limits=settings.rate_limit,
        trusted_origins=settings.trusted_origins,
        program=find_nginx() or "nginx",
        files=min(FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
    )


def _var() -> Path:
    return Path(os.environ["STACK_DIR"])


def _settings() -> Settings:
    return load_settings()


def _socket(settings: Settings, number: int) -> Path:
    """Return an instance's socket: beside Valkey's, whose path is short enough."""
    return embedded_socket(settings.data_path).parent / f"web-{number}.sock"


def _stream_socket(settings: Settings, number: int) -> Path:
    """Return an instance's socket for streams, of which thousands may come at once."""
    return _socket(settings, number).with_suffix(".streams")


def _hold_alone(settings: Settings) -> None:
    """Lock the data until honcho, which this process becomes, ends.

    A second Valkey and a second instance would replace the first one's sockets.
    """
    settings.data_path.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(settings.data_path / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        path = settings.data_path
        text = f"{path} is in use by another one; stop that one, or set STACK_DIR"
        raise StackError(text) from None
    os.set_inheritable(lock, True)


def _hold_foundations(settings: Settings) -> None:
    """Hold the lock that keeps database and broker running until this process ends."""
    lock = os.open(settings.data_path / USERS_LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_SH)
    os.set_inheritable(lock, True)


def _wait_for_foundations(settings: Settings) -> None:
    from deploy.reach import Foundations

    foundations = Foundations(settings)
    _wait_until(foundations.has_broker, "the broker cannot be reached")
    _wait_until(foundations.has_database, "the database cannot be reached")
    foundations.close()


def _wait_until(is_true: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_true():
        if time.monotonic() > deadline:
            raise StackError(otherwise)
        time.sleep(0.1)


def _become(argv: Sequence[str]) -> None:
    os.chdir(ROOT)
    os.execvp(argv[0], list(argv))


def main(arguments: Sequence[str] | None = None) -> None:
    """Start the stack, or become one part of it."""
    parser = argparse.ArgumentParser("deploy.stack", description=__doc__)
    parts: dict[str, Callable[[], None]] = {
        "postgresql": run_postgresql,
        "valkey": run_valkey,
        **{f"web{number}": partial(run_web, number) for number in range(1, INSTANCES + 1)},
        "worker": run_worker,
        "nginx": run_nginx,
        "ready": say_ready,
    }
    parser.add_argument("part", nargs="?", choices=list(parts))
    part = parser.parse_args(arguments).part
    try:
        parts.get(part, start)()
    except (StackError, SettingError, OSError) as error:
        sys.exit(f"stack: {error}")


if __name__ == "__main__":
    main()

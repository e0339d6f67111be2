"""The whole stack on one machine: `make stack`.

nginx, two gunicorn instances, a pool of workers, Valkey, and PostgreSQL where its
programs are installed. The Procfile names them, honcho runs them on one screen, and
each of them is one command of this module, which becomes that program. Everything
that they write is under var/, or under STACK_DIR. The ports are STACK_HTTP_PORT and
STACK_HTTPS_PORT, 8080 and 8443 unless set.
"""

import argparse
import fcntl
import os
import resource
import socket
import sys
import sysconfig
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from deploy import postgresql, valkey
from deploy.foundation import USERS_LOCK
from nginx.certificate import make_certificate
from nginx.render import FILES, Front, command, find_nginx, render
from ngw2f.broker import Broker, broker_url, embedded_socket
from ngw2f.settings import Settings, load_settings
from ngw2f.store.database import Database

ROOT = Path(__file__).resolve().parent.parent
HTTP_PORT = "8080"
HTTPS_PORT = "8443"
INSTANCES = 2
WORKERS = 2
# Held by honcho.
LOCK = "stack.lock"
WAIT_SECONDS = 60.0
# honcho kills what has not ended 5 s after Ctrl-C.
GRACEFUL_SECONDS = 3


def start() -> None:
    """Choose what to run, and become honcho."""
    if not find_nginx():
        sys.exit("stack: nginx is not installed (apt-get install nginx, brew install nginx)")
    os.environ.setdefault("NGW2F_ENV", "production")
    # Its parts have other current folders, nginx's among them.
    os.environ["STACK_DIR"] = str(Path(os.environ.get("STACK_DIR", ROOT / "var")).absolute())
    os.environ.setdefault("NGW2F_DATA_DIR", str(_var() / "stack"))
    os.environ.setdefault("STACK_HTTP_PORT", HTTP_PORT)
    os.environ.setdefault("STACK_HTTPS_PORT", HTTPS_PORT)
    # The Procfile's python is this one.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # Each line reaches the screen when it is written.
    os.environ["PYTHONUNBUFFERED"] = "1"
    processes = [
        *_foundations(),
        *(f"web{number}" for number in range(1, INSTANCES + 1)),
        "worker",
        "nginx",
    ]
    _hold_alone(load_settings())
    sys.stdout.write(f"The chat will be at https://localhost:{os.environ['STACK_HTTPS_PORT']}\n")
    sys.stdout.flush()
    honcho = [sys.executable, "-m", "honcho", "-f", str(ROOT / "Procfile"), "start", *processes]
    os.execv(sys.executable, honcho)


def _foundations() -> list[str]:
    """Say which database and broker are ours to run, and tell the others where they are."""
    settings = load_settings()
    names = []
    if settings.is_embedded:
        os.environ["NGW2F_REDIS_URL"] = broker_url(settings)
        names.append("valkey")
    if not settings.database_url:
        reason = postgresql.why_not(_var())
        if reason is None:
            os.environ["NGW2F_DATABASE_URL"] = postgresql.url(_var())
            names.append("postgresql")
        else:
            sys.stdout.write(f"The database is SQLite: {reason}\n")
    return names


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
    options += ["--workers", "1", "--graceful-timeout", str(GRACEFUL_SECONDS)]
    options += ["--pid", str(settings.data_path / f"web-{number}.pid")]
    # Not `python -m gunicorn`, of which a hot upgrade fails (ngw2f/cli.py).
    gunicorn = str(Path(sysconfig.get_path("scripts")) / "gunicorn")
    _become([gunicorn, "-c", "gunicorn.conf.py", *options, "app:application"])


def run_worker() -> None:
    """Become the pool of RQ workers."""
    settings = _settings()
    _hold_foundations(settings)
    _wait_for_foundations(settings)
    from ngw2f.store.migrate import migrate

    migrate(settings)
    _become([sys.executable, "-m", "ngw2f", "worker", f"--workers={WORKERS}"])


def run_nginx() -> None:
    """Become nginx."""
    front = _front(_settings())
    render(front)
    _become([*command(front), "-g", "daemon off;"])


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
        # Started by root, nginx would give up the right to read what is in var/.
        user="root" if os.geteuid() == 0 else None,
        access_log="/dev/stdout",
        error_log="stderr",
        limits=settings.rate_limit,
        program=find_nginx() or "nginx",
        files=min(FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
    )


def _var() -> Path:
    return Path(os.environ["STACK_DIR"])


def _settings() -> Settings:
    return load_settings(ROOT)


def _socket(settings: Settings, number: int) -> Path:
    """Return where an instance listens: beside Valkey, whose path is short enough for a socket."""
    return embedded_socket(settings.data_path).parent / f"web-{number}.sock"


def _stream_socket(settings: Settings, number: int) -> Path:
    """Return where it takes streams, of which thousands may come at once."""
    return _socket(settings, number).with_suffix(".streams")


def _hold_alone(settings: Settings) -> None:
    """Keep others off these data until honcho, which this process becomes, ends.

    A second Valkey and a second instance would take the first one's sockets away.
    """
    settings.data_path.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(settings.data_path / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        path = settings.data_path
        sys.exit(f"stack: {path} is in use by another one; stop that one, or set STACK_DIR")
    os.set_inheritable(lock, True)


def _hold_foundations(settings: Settings) -> None:
    """Keep database and broker from stopping before this process, whatever it becomes."""
    lock = os.open(settings.data_path / USERS_LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_SH)
    os.set_inheritable(lock, True)


def _wait_for_foundations(settings: Settings) -> None:
    broker, database = Broker(settings), Database(settings.sqlalchemy_url)
    _wait_until(broker.redis.ping, RedisError)
    _wait_until(database.ping, SQLAlchemyError)
    broker.close()
    database.close()


def _wait_until(ask: Callable[[], object], failure: type[Exception]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            ask()
        except failure as error:
            if time.monotonic() > deadline:
                sys.exit(f"stack: {str(error).splitlines()[0]}")
            time.sleep(0.1)
        else:
            return


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
    }
    parser.add_argument("part", nargs="?", choices=list(parts))
    part = parser.parse_args(arguments).part
    parts.get(part, start)()


if __name__ == "__main__":
    main()

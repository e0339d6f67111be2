"""Put new code in place of old, under a running gunicorn, without a failed request.

    python -m deploy.renew reload PIDFILE     settings and code (SIGHUP)
    python -m deploy.renew upgrade PIDFILE    gunicorn and Python too (SIGUSR2)

An upgrade starts a new master beside the old one, lets the old one's workers finish,
and asks the new ones for /healthz. If they do not answer, the old one goes on and the
new one ends. Meanwhile connections wait in the socket that both have.
"""

import argparse
import http.client
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

# A master and its worker start in one or two seconds; on a busy machine it takes longer.
START_SECONDS = 30.0
# New code that cannot be loaded ends its worker, and with it its master, by then.
SETTLE_SECONDS = 3.0
# If the new workers are silent for so long, the old ones are called back.
HEALTH_SECONDS = 10.0
# As gunicorn's graceful_timeout in gunicorn.conf.py, and some more.
DRAIN_SECONDS = 20.0


class RenewalError(Exception):
    """What was running before still runs; the message is one line that says why."""


def reload(pid_file: Path) -> None:
    """Start workers with the new code and let the old ones finish."""
    os.kill(_read_pid(pid_file), signal.SIGHUP)


def upgrade(pid_file: Path, address: str) -> int:
    """Replace the master too; return the new one's pid. Raises RenewalError."""
    old = _read_pid(pid_file)
    successor = pid_file.with_name(pid_file.name + ".2")
    if successor.exists() and _is_running(_read_pid(successor)):
        raise RenewalError(f"an upgrade is under way already: {successor} exists")
    os.kill(old, signal.SIGUSR2)
    if not _wait_for(successor.exists, START_SECONDS):
        raise RenewalError("the new master did not start; its log says why")
    new = _read_pid(successor)
    if _wait_for(lambda: not _is_running(new), SETTLE_SECONDS):
        raise RenewalError("the new master has ended, its log says why; the old one goes on")
    # From here on only the new workers accept.
    os.kill(old, signal.SIGWINCH)
    if not _wait_for(lambda: _is_healthy(address), HEALTH_SECONDS) or not _is_running(new):
        _go_back(old, new)
        raise RenewalError("the new workers do not answer; the old master goes on")
    os.kill(old, signal.SIGTERM)
    # The new master takes the old one's file over when that one has ended.
    if not _wait_for(lambda: _names(pid_file, new), DRAIN_SECONDS):
        raise RenewalError(f"the new master serves, but the old one (pid {old}) does not end")
    return new


def _go_back(old: int, new: int) -> None:
    os.kill(old, signal.SIGHUP)
    if _is_running(new):
        os.kill(new, signal.SIGTERM)


def _is_healthy(address: str) -> bool:
    """Ask for /healthz; *address* is gunicorn's: "unix:/PATH" or "HOST:PORT"."""
    connection = http.client.HTTPConnection("localhost")
    try:
        if address.startswith("unix:"):
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(HEALTH_SECONDS)
            connection.sock.connect(address.removeprefix("unix:"))
        else:
            host, _, port = address.rpartition(":")
            connection.sock = socket.create_connection((host, int(port)), HEALTH_SECONDS)
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _wait_for(is_true: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _read_pid(path: Path) -> int:
    try:
        return int(path.read_text())
    except (FileNotFoundError, ValueError) as error:
        raise RenewalError(f"{path} names no gunicorn; start it with --pid {path}") from error


def _names(pid_file: Path, pid: int) -> bool:
    try:
        return _read_pid(pid_file) == pid
    except RenewalError:
        return False


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says; errors end it with one line."""
    parser = argparse.ArgumentParser("deploy.renew", description=__doc__)
    parser.add_argument("what", choices=["reload", "upgrade"])
    parser.add_argument("pid_file", type=Path)
    parser.add_argument("--address", default="127.0.0.1:8000", help="as gunicorn's --bind")
    options = parser.parse_args(arguments)
    try:
        if options.what == "reload":
            reload(options.pid_file)
        else:
            upgrade(options.pid_file, options.address)
    except RenewalError as error:
        sys.exit(f"renew: {error}")


if __name__ == "__main__":
    main()

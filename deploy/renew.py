"""Replace the code of a running gunicorn without a failed request.

    python -m deploy.renew reload PIDFILE     settings and code (SIGHUP)
    python -m deploy.renew upgrade PIDFILE    gunicorn and Python too (SIGUSR2)

A reload ends when all new workers serve. If it is refused, the exit status is 1, and the
old workers continue.

An upgrade starts a new master beside the old one, waits until one of its workers has
loaded the new code, and requests /healthz. If that fails, the new master is stopped, and
the old one continues with its workers. Otherwise the old one stops when its workers have
finished.
"""

import argparse
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from deploy.health import is_healthy
from ngw2f.server import renewal
from ngw2f.server.reload_guard import SERVING_SECONDS
from ngw2f.server.reload_trial import TRIAL_SECONDS

# A master and its worker start within two seconds; on a busy machine it takes longer.
# Who ends before that is not waited for.
START_SECONDS = SERVING_SECONDS
# By then the server itself has given up the reload.
RELOAD_SECONDS = TRIAL_SECONDS + SERVING_SECONDS + 60.0
# If the new workers do not answer within this time, the upgrade is given up.
HEALTH_SECONDS = 20.0
# More than gunicorn's graceful_timeout in gunicorn.conf.py.
DRAIN_SECONDS = 40.0


class RenewalError(Exception):
    """The renewal failed, and the old code still runs; the message is one line with the reason."""


def reload(pid_file: Path) -> None:
    """Start workers with the new code and let the old ones finish. Raises RenewalError."""
    master = _find_master(pid_file)
    renewal.forget(pid_file)
    os.kill(master, signal.SIGHUP)
    _wait_for(lambda: renewal.read(pid_file, master) or not _is_running(master), RELOAD_SECONDS)
    told = renewal.read(pid_file, master)
    if told == renewal.REFUSED:
        raise RenewalError("refused, the server's log says why; the old workers go on")
    if told != renewal.READY:
        raise RenewalError("no new worker is ready; the server's log says why")


def upgrade(pid_file: Path, address: str) -> int:
    """Replace the master too; return the new one's pid. Raises RenewalError."""
    old = _find_master(pid_file)
    successor = pid_file.with_name(pid_file.name + ".2")
    if _is_running(_read_pid(successor)):
        raise RenewalError(f"an upgrade is under way already: {successor} exists")
    renewal.forget(pid_file)
    os.kill(old, signal.SIGUSR2)
    _wait_for(
        lambda: successor.exists() or renewal.read(pid_file, old) == renewal.REFUSED, START_SECONDS
    )
    if not successor.exists():
        raise RenewalError("the new master did not start; its log says why")
    new = _read_pid(successor)
    # The old workers answer as well, so a new one has to report first that it is ready.
    _wait_for(lambda: _is_ready(pid_file, new) or not _is_running(new), START_SECONDS)
    if not _is_running(new):
        raise RenewalError("the new master has ended, its log says why; the old one goes on")
    if not _is_ready(pid_file, new) or not _wait_for(lambda: _is_healthy(address), HEALTH_SECONDS):
        with contextlib.suppress(ProcessLookupError):
            os.kill(new, signal.SIGTERM)
        raise RenewalError("the new workers do not answer; the old master goes on")
    os.kill(old, signal.SIGTERM)
    # The new master takes over the old one's file after that has ended.
    if not _wait_for(lambda: _read_pid(pid_file) == new, DRAIN_SECONDS):
        raise RenewalError(f"the new master serves, but the old one (pid {old}) does not end")
    return new


def _is_ready(pid_file: Path, master: int) -> bool:
    return renewal.read(pid_file, master) == renewal.READY


def _is_healthy(address: str) -> bool:
    return is_healthy(address, HEALTH_SECONDS)


def _wait_for(is_true: Callable[[], object], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _find_master(pid_file: Path) -> int:
    master = _read_pid(pid_file)
    if not _is_running(master):
        raise RenewalError(f"{pid_file} names no running gunicorn; start it with --pid {pid_file}")
    return master


def _read_pid(path: Path) -> int:
    """Return the pid in a pid file; 0 if there is none."""
    try:
        return int(path.read_text())
    except (FileNotFoundError, ValueError):
        return 0


def _is_running(pid: int) -> bool:
    if not pid:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; an error ends it with one line."""
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
    except (RenewalError, OSError) as error:
        sys.exit(f"renew: {error}")


if __name__ == "__main__":
    main()

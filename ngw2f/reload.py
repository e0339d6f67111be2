"""SIGHUP, made safe: what cannot be loaded is not, and the old workers go on.

gunicorn's master reads its configuration into itself and ends if that fails; it ends as
well when a new worker fails to boot, with all of the old ones. So what is there now is
tried in processes of its own first: settings and application are loaded, the database
is migrated.

It would also stop the old workers the moment the new ones are forked, some seconds before
those serve. Here they go on until then.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ngw2f import renewal

CHECK_SECONDS = 120
# Nobody waits longer for new workers: with the check before it and the drain of the old
# ones after it, less than systemd's watchdog waits for the master.
SERVING_SECONDS = 20
POLL_SECONDS = 0.05


def guard_reload(server: Any) -> None:
    """Have gunicorn's master *server* reload only what can be loaded."""
    reload = server.handle_hup

    def handle_hup() -> None:
        if _passes(server):
            with _old_workers_kept(server):
                reload()
        else:
            server.log.error("reload refused (see above): the old workers go on as they are")
            renewal.tell(server.cfg.pidfile, renewal.REFUSED, os.getpid())

    # The master looks its handlers up by name; a configuration cannot give another class.
    server.handle_hup = handle_hup


def _passes(server: Any) -> bool:
    """Run gunicorn's own check of all that was given to the master, and the migration."""
    # By its name, also where it was started by its script: nothing hides it here.
    configuration = [sys.executable, "-m", "gunicorn", *sys.argv[1:], "--check-config"]
    migration = [sys.executable, "-m", "ngw2f", "migrate"]
    try:
        return not any(
            subprocess.call(command, cwd=server.START_CTX["cwd"], timeout=CHECK_SECONDS)
            for command in (configuration, migration)
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        server.log.error("reload: %s", error)
        return False


@contextmanager
def _old_workers_kept(server: Any) -> Iterator[None]:
    """Have the master count its workers, and stop the old ones, when the new ones serve."""
    manage_workers, newest_age = server.manage_workers, server.worker_age

    def manage_when_serving() -> None:
        _wait_for_workers(server, newest_age)
        manage_workers()

    # A reload calls it by its name between the two.
    server.manage_workers = manage_when_serving
    try:
        yield
    finally:
        server.manage_workers = manage_workers


def _wait_for_workers(server: Any, newest_age: int) -> None:
    """Wait until the workers after that age serve, or have ended."""
    deadline = time.monotonic() + SERVING_SECONDS
    while not all(_serves(each) for each in server.WORKERS.values() if each.age > newest_age):
        if time.monotonic() > deadline:
            server.log.warning("reload: a new worker does not serve; the old ones stop")
            return
        time.sleep(POLL_SECONDS)
        # One that fails to boot ends the server, as ever.
        server.reap_workers()


def _serves(worker: Any) -> bool:
    # Another class of workers does not tell.
    return bool(getattr(worker, "is_serving", True))

"""What systemd is told of a service: that it is ready, that it works, that it stops (sd_notify(3)).

Outside of systemd there is nobody to tell, and nothing is done. The master imports this before
it forks: nothing here may import what gevent has to patch.
"""

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

# gunicorn's master kills a worker that is silent for `timeout`; where that is off, this holds.
SILENT_SECONDS = 30.0


class Systemd:
    """The manager of this process, if it is one that wants to be told."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        # systemd writes the null byte of an abstract socket as "@".
        self._address = "\0" + address[1:] if address.startswith("@") else address
        is_ours = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        microseconds = int(environ.get("WATCHDOG_USEC", 0)) if is_ours else 0
        # Three times while it would wait for one.
        self._interval = microseconds / 3_000_000
        self._next_ping = 0.0

    @property
    def is_there(self) -> bool:
        return bool(self._address)

    @property
    def has_watchdog(self) -> bool:
        return bool(self._address and self._interval)

    def tell(self, state: str) -> None:
        """Send a line such as `READY=1`."""
        if not self._address:
            return
        # A manager that is just restarting hears the next one.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.connect(self._address)
            notify.sendall(state.encode())

    def ping(self) -> None:
        """Say that the service works; call it at least once a second, it is sent as it is due."""
        now = time.monotonic()
        if self.has_watchdog and now >= self._next_ping:
            self._next_ping = now + self._interval
            self.tell("WATCHDOG=1")


def watch_master(server: Any, systemd: Systemd) -> None:
    """Have gunicorn's master *server* ping while its loop turns and a worker answers.

    The loop comes by at least once a second. A worker answers if its event loop has turned
    within `timeout`: that is gunicorn's own heartbeat.
    """
    if not systemd.has_watchdog:
        return
    manage_workers = server.manage_workers

    def manage_and_ping() -> None:
        manage_workers()
        if any(_answers(worker, server.timeout) for worker in list(server.WORKERS.values())):
            systemd.ping()

    # There is no hook in the loop; the master calls this by its name.
    server.manage_workers = manage_and_ping


def _answers(worker: Any, timeout: float) -> bool:
    try:
        silent_for = time.monotonic() - float(worker.tmp.last_update())
    except (OSError, ValueError):
        return False  # It has just ended.
    # Until its first heartbeat the file has the time of day, which is far ahead.
    return 0 <= silent_for <= (timeout or SILENT_SECONDS)

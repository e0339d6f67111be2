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
# A manager takes what it is told at once. One that hangs shall hang nobody else.
TELL_SECONDS = 1.0


class Systemd:
    """The manager of this process, if it is one that wants to be told."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        # systemd writes the null byte of an abstract socket as "@".
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._is_watched = "WATCHDOG_USEC" in environ
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

    def tell(self, state: str, seconds: float = TELL_SECONDS) -> None:
        """Send a line such as `READY=1`; wait for so long at most."""
        if not self._address:
            return
        # A manager that is just restarting, or does not read, hears the next one.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.settimeout(seconds)
            notify.connect(self._address)
            notify.sendall(state.encode())

    def tell_end(self, successor: int = 0) -> None:
        """Say that this process ends, and which one takes its place, if one does."""
        self.tell(f"MAINPID={successor}" if successor else "STOPPING=1")

    def hand_over(self) -> dict[str, str]:
        """Return what the environment of this process needs for another program to go on here."""
        return {"WATCHDOG_PID": str(os.getpid())} if self._is_watched else {}

    def ping(self) -> None:
        """Say that the service works; call it at least once a second, it is sent as it is due."""
        now = time.monotonic()
        if self.has_watchdog and now >= self._next_ping:
            self._next_ping = now + self._interval
            self.tell("WATCHDOG=1", 0.0)


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
        # Until it has taken the old master's place, systemd hears that one.
        is_heard = not getattr(server, "master_pid", 0)
        workers = list(server.WORKERS.values())
        if is_heard and any(_answers(worker, server.timeout) for worker in workers):
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
